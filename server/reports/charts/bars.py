"""Bars: standing side by side or on each other over time, lying under their names for places."""

from __future__ import annotations

from server.reports.charts.axis import axis_for
from server.reports.charts.canvas import INK, Canvas, text_px
from server.reports.charts.data import ChartData
from server.reports.charts.frame import draw_legend, framed, legend_height

_NAME_PX = 18
_BAR_PX = 16
_ROW_GAP_PX = 10
# Titles that a pointer finds; more of them would only make the page heavy.
_TITLES_MAX = 120


def standing_bars(name: str, data: ChartData, width: float, *, is_stacked: bool) -> Canvas:
    """One group of bars, or one pile, for each label."""
    canvas, frame = framed(name, data, _pile_top(data) if is_stacked else data.top, width)
    gap = min(frame.step * 0.2, 8)
    slots = 1 if is_stacked else len(data.series)
    bar = (frame.step - gap) / slots
    for index in range(len(data.labels)):
        x, base = frame.middle(index) - (frame.step - gap) / 2, 0.0
        for series, row in enumerate(data.series):
            value = row.values[index]
            if value is None or value == 0:
                continue
            y0, y1 = frame.y(base), frame.y(base + value)
            left = x if is_stacked else x + series * bar
            # A seam between neighbours, as long as there is room for one.
            seam = 1 if bar > 4 and slots > 1 else 0
            canvas.rect(
                left, min(y0, y1), bar - seam, abs(y0 - y1), series, _title(data, series, index)
            )
            if is_stacked:
                base += value
    return canvas


def lying_bars(name: str, data: ChartData, width: float, *, is_stacked: bool) -> Canvas:
    """For each label a line with its name, and under it its bars with their values."""
    names = [row.name for row in data.series]
    legend_px = legend_height(names, width) + (_ROW_GAP_PX if len(names) > 1 else 0)
    top = _pile_top(data) if is_stacked else data.top
    axis = axis_for(data.bottom, top, data.kind)
    longest = max((text_px(data.text(tick)) for tick in (*axis.ticks, top)), default=0.0)
    room = width - longest - 8
    slots = 1 if is_stacked else len(data.series)
    row_px = _NAME_PX + slots * _BAR_PX + _ROW_GAP_PX
    canvas = Canvas(name, width, legend_px + row_px * len(data.labels) + 4)
    draw_legend(canvas, names, width)
    zero = axis.share(0) * room
    for index, label in enumerate(data.labels):
        y = legend_px + index * row_px
        canvas.text(0, y + 13, label, name="name", colour=INK)
        y += _NAME_PX
        if is_stacked:
            _pile(canvas, data, index, y, room / (axis.high - axis.low))
            continue
        for series, row in enumerate(data.series):
            value = row.values[index]
            end = zero if value is None else axis.share(value) * room
            if value:
                canvas.rect(
                    min(zero, end), y, abs(end - zero), _BAR_PX - 2, series,
                    _title(data, series, index),
                )  # fmt: skip
            words = data.words.cell(data.kind, value)
            canvas.text(max(zero, end) + 5, y + 12, words)
            y += _BAR_PX
    return canvas


def _pile(canvas: Canvas, data: ChartData, index: int, y: float, px_per: float) -> None:
    x, total = 0.0, 0.0
    for series, row in enumerate(data.series):
        value = row.values[index] or 0.0
        if value > 0:
            canvas.rect(x, y, value * px_per, _BAR_PX - 2, series, _title(data, series, index))
            x += value * px_per
            total += value
    canvas.text(x + 5, y + 12, data.text(total))


def _pile_top(data: ChartData) -> float:
    piles = zip(*(row.values for row in data.series), strict=True)
    return max((sum(value or 0 for value in pile) for pile in piles), default=0.0)


def _title(data: ChartData, series: int, index: int) -> str:
    if len(data.labels) * len(data.series) > _TITLES_MAX:
        return ""
    row = data.series[series]
    value = row.values[index]
    return f"{data.labels[index]} · {row.name}: {data.words.cell(data.kind, value)}"
