"""One table of a report, or a list of what is behind its rows, as rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date as Date
from datetime import datetime

from server.reports.sheet import HOUR, Cell, Column
from server.reports.wording import Wording, figure


def rows_of(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], words: Wording
) -> Iterator[list[str | float]]:
    """The headings with their units, then the rows: bare numbers, ISO dates, local times with
    their offset, names for ids; nothing for no value."""
    yield [words.heading_with_unit(column) for column in columns]
    for row in rows:
        yield [_cell(words, column.kind, cell) for column, cell in zip(columns, row, strict=True)]


def _cell(words: Wording, kind: str, cell: Cell) -> str | float:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return words.iso(cell)
    if isinstance(cell, Date):
        return cell.isoformat()
    if isinstance(cell, str | bool) or kind == HOUR:
        return words.cell(kind, cell)
    return figure(kind, cell)
