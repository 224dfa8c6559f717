"""A heat grid: the darker a cell, the greater its value, which also stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.reports.charts.canvas import INK, PAPER, Canvas, text_px
from server.reports.charts.data import as_number, column_at, label_of
from server.reports.sheet import PERCENT, Cell, Sheet
from server.reports.wording import Wording

# From nothing to much, in steps that differ in lightness; the style sheet has them for the dark.
SHADES = ("#eef3f8", "#c8dcf0", "#93bce3", "#4f8fca", "#0b5cad", "#073a6e")
_LIGHT_TEXT_FROM = 4
_CELL_PX = 26
_LEAST_PX = 22
_NAME_PX = 18
_LETTERS_MAX = 12


@dataclass(frozen=True, slots=True)
class _Grid:
    """Words along and down, and the value of each pair that has one."""

    along: Sequence[str]
    down: Sequence[str]
    values: Mapping[tuple[int, int], float]

    def turned(self) -> _Grid:
        """The same with along and down exchanged."""
        return _Grid(self.down, self.along, {(y, x): v for (x, y), v in self.values.items()})


def heat(name: str, sheet: Sheet, words: Wording, width: float) -> Canvas:
    """The grid. Where its cells would be too narrow for their numbers it is turned."""
    grid, kind = _grid(sheet, words), _kind(sheet)
    if _cell_px(grid, width) < _LEAST_PX and len(grid.down) < len(grid.along):
        grid = grid.turned()
    left = _left_px(grid)
    cell = _cell_px(grid, width)
    # Names that are too long for their column stand below, by letter.
    named = [] if _fits(grid, cell) else grid.along
    if named:
        grid = _Grid([_letter(place) for place in range(len(named))], grid.down, grid.values)
    top, bottom = 22.0, 22.0 + _CELL_PX * len(grid.down)
    canvas = Canvas(name, width, bottom + 30 + _NAME_PX * len(named))
    most = 100.0 if kind == PERCENT else max(grid.values.values(), default=0.0)
    every = max(1, -int(-(max(map(text_px, grid.along), default=1) + 6) // cell))
    for x in range(0, len(grid.along), every):
        canvas.text(left + (x + 0.5) * cell, 14, grid.along[x], anchor="middle")
    for y, label in enumerate(grid.down):
        canvas.text(left - 6, top + (y + 0.7) * _CELL_PX, label, anchor="end", colour=INK)
    for (x, y), value in grid.values.items():
        along = named[x] if named else grid.along[x]
        said = f"{grid.down[y]} · {along}: {words.number(kind, value)}"
        _draw_cell(
            canvas, left + x * cell, top + y * _CELL_PX, cell, _level(value, most), value, said
        )
    _key(canvas, left, bottom + 8, most, words, kind)
    for place, name in enumerate(named):
        down = bottom + 30 + _NAME_PX * (place + 0.8)
        canvas.text(0, down, f"{_letter(place)}  {name}", name="name", colour=INK)
    return canvas


def _fits(grid: _Grid, cell: float) -> bool:
    """Whether the labels along have room, or may be thinned out because they are hours or days."""
    if len(grid.along) > _LETTERS_MAX:
        return True
    return max(map(text_px, grid.along), default=0.0) <= cell


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _draw_cell(
    canvas: Canvas, x: float, y: float, cell: float, level: int, value: float, said: str
) -> None:
    canvas.shade(x, y, cell - 1, _CELL_PX - 1, level, SHADES[level], said)
    number = f"{round(value):,}"
    if text_px(number) <= cell - 2:
        is_light = level >= _LIGHT_TEXT_FROM
        canvas.text(
            x + (cell - 1) / 2,
            y + _CELL_PX * 0.66,
            number,
            anchor="middle",
            name=f"v{level}",
            colour=PAPER if is_light else INK,
        )


def _key(canvas: Canvas, x: float, y: float, most: float, words: Wording, kind: str) -> None:
    """What the shades mean."""
    first = words.number(kind, 0)
    canvas.text(x, y + 13, first)
    x += text_px(first) + 6
    for level, shade in enumerate(SHADES):
        canvas.shade(x, y + 2, 18, 14, level, shade, "")
        x += 18
    canvas.text(x + 6, y + 13, words.number(kind, most))


def _grid(sheet: Sheet, words: Wording) -> _Grid:
    chart = sheet.chart
    assert chart is not None
    assert chart.y is not None
    x_at, y_at = column_at(sheet, chart.x), column_at(sheet, chart.y)
    value_at = column_at(sheet, chart.series[0])
    along: dict[Cell, int] = {}
    down: dict[Cell, int] = {}
    for row in sheet.rows:
        along.setdefault(row[x_at], len(along))
        down.setdefault(row[y_at], len(down))
    values = {
        (along[row[x_at]], down[row[y_at]]): value
        for row in sheet.rows
        if (value := as_number(row[value_at])) is not None
    }
    return _Grid(
        [_short(label_of(words, sheet.columns[x_at], cell)) for cell in along],
        [label_of(words, sheet.columns[y_at], cell) for cell in down],
        values,
    )


def _short(label: str) -> str:
    """`18` for `18:00`: the hours along a grid have little room."""
    return label.removesuffix(":00")


def _kind(sheet: Sheet) -> str:
    assert sheet.chart is not None
    return sheet.columns[column_at(sheet, sheet.chart.series[0])].kind


def _level(value: float, most: float) -> int:
    if most <= 0 or value <= 0:
        return 0
    return min(len(SHADES) - 1, 1 + int(value / most * (len(SHADES) - 1) - 1e-9))


def _left_px(grid: _Grid) -> float:
    return max(map(text_px, grid.down), default=0.0) + 10


def _cell_px(grid: _Grid, width: float) -> float:
    return (width - _left_px(grid)) / max(1, len(grid.along))
