"""A report as an Excel workbook: one worksheet for each table, with native charts.

Cells are numbers, dates and times with formats, so that a spreadsheet goes on calculating with
them: spans are fractions of a day (`[h]:mm:ss`), percentages stay 0 to 100.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import date as Date
from datetime import datetime
from typing import Any

import xlsxwriter

from server.reports.charts.canvas import COLOURS
from server.reports.charts.data import SERIES_MAX, column_at
from server.reports.cover import Cover
from server.reports.sheet import (
    BARS,
    DAY,
    HEAT,
    HOUR,
    LINES,
    MOMENT,
    PERCENT,
    SECONDS,
    STACKED,
    USD,
    Cell,
    Chart,
    Sheet,
)
from server.reports.shown import Shown
from server.reports.wording import Wording, figure

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DAY_S = 24 * 3600
_NAME_CHARS = 31
_NOT_IN_NAME = re.compile(r"[\[\]:*?/\\]")
_FORMATS: Mapping[str, str] = {
    SECONDS: "[h]:mm:ss",
    PERCENT: '0.0" %"',
    USD: '"B/." #,##0.00',
    HOUR: '00":00"',
    DAY: "ddd d mmm yyyy",
    MOMENT: "d mmm yyyy hh:mm",
}
_CHART_TYPES = {
    (BARS, True): {"type": "column"},
    (BARS, False): {"type": "bar"},
    (STACKED, True): {"type": "column", "subtype": "stacked"},
    (STACKED, False): {"type": "bar", "subtype": "stacked"},
    (LINES, True): {"type": "line"},
    (LINES, False): {"type": "line"},
}
_CHART_PX = {"width": 720, "height": 360}
# Light to dark, like the grid on the screen.
_HEAT = {"type": "2_color_scale", "min_color": "#EEF3F8", "max_color": "#4F8FCA"}


def workbook(report: Shown) -> bytes:
    """The file."""
    cover, words = report.cover, report.words
    content = io.BytesIO()
    # Text is never taken for a formula or for an address.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": cover.title, "created": _local(cover.made_at, words)})
        formats = _Formats(book)
        names: set[str] = set()
        for sheet in report.sheets:
            name = _sheet_name(words.t(f"manage.report.sheet.{sheet.key}"), names)
            names.add(name.lower())
            _write(book, book.add_worksheet(name), formats, cover, sheet, words)
    return content.getvalue()


class _Formats:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._kinds: dict[str, Any] = {}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.note = book.add_format({"font_color": "#4A4F57"})
        self.warning = book.add_format({"font_color": "#5A3B00", "bg_color": "#FFF1CF"})
        self.heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})

    def of(self, kind: str) -> Any:
        """How cells of a kind are shown."""
        if kind not in self._kinds:
            shown = {"num_format": _FORMATS[kind]} if kind in _FORMATS else {}
            self._kinds[kind] = self._book.add_format({"align": "left"} | shown)
            if kind not in (DAY, MOMENT, HOUR):
                self._kinds[kind].set_align("right" if kind in _FORMATS else "general")
        return self._kinds[kind]


def _write(
    book: Any, page: Any, formats: _Formats, cover: Cover, sheet: Sheet, words: Wording
) -> None:
    page.write_string(0, 0, words.finding(sheet.finding), formats.title)
    lines = [*cover.about, words.counted(sheet), words.t(sheet.how)]
    for line, text in enumerate(lines, start=1):
        page.write_string(line, 0, text, formats.note)
    top = len(lines) + 2
    if sheet.provisional:
        page.write_string(top - 1, 0, cover.provisional, formats.warning)
        top += 1
    for column, one in enumerate(sheet.columns):
        page.write_string(top, column, words.heading(one), formats.heading)
    for number, row in enumerate(sheet.rows, start=top + 1):
        for column, cell in enumerate(row):
            _write_cell(page, number, column, cell, sheet, formats, words)
    last = top + len(sheet.rows)
    page.autofilter(top, 0, max(last, top + 1), len(sheet.columns) - 1)
    page.freeze_panes(top + 1, 0)
    page.repeat_rows(top)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.set_footer("&L&A&R&P / &N")
    for column in range(len(sheet.columns)):
        page.set_column(column, column, 24 if column == 0 else 15)
    if sheet.chart is not None and sheet.rows:
        _draw(book, page, sheet, sheet.chart, words, top)


def _write_cell(
    page: Any, row: int, column: int, cell: Cell, sheet: Sheet, formats: _Formats, words: Wording
) -> None:
    kind = sheet.columns[column].kind
    shown = formats.of(kind)
    if cell is None:
        page.write_blank(row, column, None, shown)
    elif isinstance(cell, datetime):
        page.write_datetime(row, column, _local(cell, words), shown)
    elif isinstance(cell, Date):
        page.write_datetime(row, column, cell, shown)
    elif isinstance(cell, str | bool):
        page.write_string(row, column, words.cell(kind, cell), shown)
    else:
        number = figure(kind, cell)
        page.write_number(row, column, number / _DAY_S if kind == SECONDS else number, shown)


def _draw(book: Any, page: Any, sheet: Sheet, chart: Chart, words: Wording, top: int) -> None:
    first, last = top + 1, top + len(sheet.rows)
    if chart.kind == HEAT:
        value = column_at(sheet, chart.series[0])
        page.conditional_format(first, value, last, value, dict(_HEAT))
        return
    along = column_at(sheet, chart.x)
    is_time = sheet.columns[along].kind in (HOUR, DAY)
    drawn = book.add_chart(dict(_CHART_TYPES[chart.kind, is_time]))
    for number, key in enumerate(chart.series[:SERIES_MAX]):
        column = column_at(sheet, key)
        colour = {"color": COLOURS[number]}
        look: dict[str, Any] = {"line": {**colour, "width": 2}, "marker": {"type": "automatic"}}
        drawn.add_series(
            {
                "name": [page.name, top, column],
                "categories": [page.name, first, along, last, along],
                "values": [page.name, first, column, last, column],
                **(look if chart.kind == LINES else {"fill": colour}),
            }
        )
    finding = words.finding(sheet.finding)
    drawn.set_title({"name": finding, "name_font": {"size": 11}})
    drawn.set_size(_CHART_PX)
    if not is_time:
        # Excel draws the first row at the bottom.
        drawn.set_y_axis({"reverse": True})
    if len(chart.series) == 1:
        drawn.set_legend({"none": True})
    page.insert_chart(top, len(sheet.columns) + 1, drawn, {"description": finding})


def _local(at: datetime, words: Wording) -> datetime:
    """The district's time without its zone: a spreadsheet knows none."""
    return at.astimezone(words.zone).replace(tzinfo=None, microsecond=0)


def _sheet_name(title: str, taken: set[str]) -> str:
    """A title as Excel lets a worksheet be called: short, plain, and not twice."""
    name = _NOT_IN_NAME.sub(" ", title).strip("' ")[:_NAME_CHARS].rstrip() or "1"
    number = 2
    plain = name
    while name.lower() in taken:
        ending = f" {number}"
        name = plain[: _NAME_CHARS - len(ending)] + ending
        number += 1
    return name
