"""What standing charts share: legend, scale at the left, labels below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.reports.charts.axis import Axis, axis_for
from server.reports.charts.canvas import INK, Canvas, text_px
from server.reports.charts.data import ChartData

_PLOT_PX = 220
_LEGEND_ROW_PX = 20
_KEY_PX = 22
_GAP_PX = 16
_PAD_PX = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things go between the scale, the legend and the labels."""

    axis: Axis
    left: float
    right: float
    top: float
    bottom: float
    count: int

    @property
    def step(self) -> float:
        """How much room one label has."""
        return (self.right - self.left) / max(1, self.count)

    def y(self, value: float) -> float:
        """How far down a value lies."""
        return self.bottom - self.axis.share(value) * (self.bottom - self.top)

    def middle(self, index: int) -> float:
        """The middle of a label's room."""
        return self.left + (index + 0.5) * self.step


def framed(
    name: str, data: ChartData, top: float, width: float, *, has_lines: bool = False
) -> tuple[Canvas, Frame]:
    """A canvas with its frame drawn, for values up to `top`."""
    axis = axis_for(data.bottom, top, data.kind)
    ticks = [data.text(tick) for tick in axis.ticks]
    legend_px = legend_height([row.name for row in data.series], width)
    left = max(text_px(tick) for tick in ticks) + 8
    frame = Frame(
        axis, left, width - 4, legend_px + _PAD_PX, legend_px + _PLOT_PX, len(data.labels)
    )
    canvas = Canvas(name, width, frame.bottom + 24)
    draw_legend(canvas, [row.name for row in data.series], width, has_lines=has_lines)
    for tick, words in zip(axis.ticks, ticks, strict=True):
        y = frame.y(tick)
        canvas.rule(left, y, frame.right, y, is_base=tick == 0)
        canvas.text(left - 6, y + 4, words, anchor="end")
    _label(canvas, frame, data.labels)
    return canvas, frame


def legend_height(names: Sequence[str], width: float) -> float:
    """How high the legend will be; a single series needs none."""
    return _LEGEND_ROW_PX * len(_rows(names, width)) if len(names) > 1 else 0


def draw_legend(
    canvas: Canvas, names: Sequence[str], width: float, *, has_lines: bool = False
) -> None:
    """Each series by its pattern, or its line, and its name, in as many rows as it takes."""
    if len(names) < 2:
        return
    for row, entries in enumerate(_rows(names, width)):
        y = row * _LEGEND_ROW_PX
        for x, series, name in entries:
            if has_lines:
                canvas.path([(x, y + 8), (x + _KEY_PX, y + 8)], series)
                canvas.mark(x + _KEY_PX / 2, y + 8, series)
            else:
                canvas.rect(x, y + 2, _KEY_PX, 12, series)
            canvas.text(x + _KEY_PX + 6, y + 13, name, name="name", colour=INK)


def _rows(names: Sequence[str], width: float) -> list[list[tuple[float, int, str]]]:
    rows: list[list[tuple[float, int, str]]] = [[]]
    x = 0.0
    for series, name in enumerate(names):
        needed = _KEY_PX + 6 + text_px(name) + _GAP_PX
        if rows[-1] and x + needed > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, series, name))
        x += needed
    return rows


def _label(canvas: Canvas, frame: Frame, labels: Sequence[str]) -> None:
    """As many labels as have room, at even distances."""
    if not labels:
        return
    room = max(text_px(label) for label in labels) + 8
    every = max(1, -int(-room // frame.step))
    free_from = 0.0
    for index in range(0, len(labels), every):
        half = text_px(labels[index]) / 2
        # One at an edge moves in, unless its neighbour stands there.
        x = min(max(frame.middle(index), half), frame.right + 4 - half)
        if x - half >= free_from:
            canvas.text(x, frame.bottom + 17, labels[index], anchor="middle")
            free_from = x + half + 4
