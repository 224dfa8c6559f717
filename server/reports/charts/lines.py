"""Lines over time, each with a dash and a mark of its own; a value that is missing is a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.reports.charts.canvas import Canvas
from server.reports.charts.data import ChartData, Series
from server.reports.charts.frame import framed

# Where the points stand closer than this, only some of them get a mark.
_MARK_PX = 14


def lines(name: str, data: ChartData, width: float) -> Canvas:
    """One line for each series."""
    canvas, frame = framed(name, data, data.top, width, has_lines=True)
    every = max(1, round(_MARK_PX / frame.step))
    for series, row in enumerate(data.series):
        for piece in _pieces(row):
            points = [(frame.middle(index), frame.y(value)) for index, value in piece]
            if len(points) > 1:
                canvas.path(points, series)
            for (index, value), (x, y) in zip(piece, points, strict=True):
                # The marks of two lines do not lie on each other where they run together.
                if len(points) == 1 or (index + series * (every // 2)) % every == 0:
                    title = f"{data.labels[index]} · {row.name}: {data.text(value)}"
                    canvas.mark(x, y, series, title)
    return canvas


def _pieces(row: Series) -> Iterator[Sequence[tuple[int, float]]]:
    """The stretches without a gap."""
    piece: list[tuple[int, float]] = []
    for index, value in enumerate(row.values):
        if value is not None:
            piece.append((index, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece
