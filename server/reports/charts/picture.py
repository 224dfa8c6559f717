"""A sheet's picture, drawn here as SVG: a page needs no script for it, and prints it sharply."""

from __future__ import annotations

from dataclasses import dataclass

from server.reports.charts.bars import lying_bars, standing_bars
from server.reports.charts.canvas import Canvas
from server.reports.charts.data import ChartData, as_number, chart_data, column_at
from server.reports.charts.heat import heat
from server.reports.charts.lines import lines
from server.reports.sheet import HEAT, LINES, STACKED, Sheet
from server.reports.wording import Wording

WIDE_PX = 760
NARROW_PX = 340


@dataclass(frozen=True, slots=True)
class Picture:
    """The same chart twice, as SVG whose words are escaped: the page shows the one that is readable
    at its width."""

    wide: str
    narrow: str


def draw(sheet: Sheet, words: Wording) -> Picture | None:
    """The chart of a sheet; None for one without a chart or without anything to draw."""
    if sheet.chart is None or not _has_values(sheet):
        return None
    title, desc = words.finding(sheet.finding), describe(sheet, words)
    wide, narrow = (
        _draw(sheet, words, f"chart-{sheet.key.replace('_', '-')}-{name}", width).svg(title, desc)
        for name, width in (("w", WIDE_PX), ("n", NARROW_PX))
    )
    return Picture(wide, narrow)


def describe(sheet: Sheet, words: Wording) -> str:
    """What a chart shows, for who does not see it: each series from its least to its greatest."""
    chart = sheet.chart
    assert chart is not None
    sentences = []
    for key in chart.series:
        column = sheet.columns[column_at(sheet, key)]
        known = [
            (value, row)
            for row in sheet.rows
            if (value := as_number(row[column_at(sheet, key)])) is not None
        ]
        if not known:
            continue
        least, most = min(known, key=_first), max(known, key=_first)
        ways = [chart.x] if chart.y is None else [chart.y, chart.x]
        where = [
            words.cell(sheet.columns[column_at(sheet, way)].kind, most[1][column_at(sheet, way)])
            for way in ways
        ]
        sentences.append(
            words.t(
                "manage.report.chart_says",
                name=words.heading(column),
                least=words.number(column.kind, least[0]),
                most=words.number(column.kind, most[0]),
                where=", ".join(where),
            )
        )
    return " ".join(sentences)


def _draw(sheet: Sheet, words: Wording, name: str, width: float) -> Canvas:
    assert sheet.chart is not None
    if sheet.chart.kind == HEAT:
        return heat(name, sheet, words, width)
    data: ChartData = chart_data(sheet, words)
    if sheet.chart.kind == LINES:
        return lines(name, data, width)
    bars = standing_bars if data.is_time else lying_bars
    return bars(name, data, width, is_stacked=sheet.chart.kind == STACKED)


def _has_values(sheet: Sheet) -> bool:
    assert sheet.chart is not None
    places = [column_at(sheet, key) for key in sheet.chart.series]
    return any(as_number(row[place]) is not None for row in sheet.rows for place in places)


def _first(pair: tuple[float, object]) -> float:
    return pair[0]
