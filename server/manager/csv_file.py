"""Rows as bytes of a CSV file that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TypeAlias

Row: TypeAlias = Sequence[str | float]

# A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Excel reads UTF-8 as such only with this mark.
_MARK = "\ufeff"
_IN_MEMORY_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16


def written(rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as bytes, one by one as they are asked for."""
    yield _MARK.encode()
    for row in rows:
        text = io.StringIO()
        csv.writer(text).writerow([harmless(cell) for cell in row])
        yield text.getvalue().encode()


def harmless(cell: str | float) -> str | float:
    """A cell that no spreadsheet calculates; a number below zero is none to fear."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def spooled(fill: Callable[[Callable[[Iterable[Row]], None]], None]) -> Iterator[bytes]:
    """The rows of a list of any length: written down first, then handed out piece by piece.

    `fill` is called at once and gives its rows to what it is called with; who gives them again,
    because the database asked for it, begins anew. So no snapshot stays open while somebody with a
    slow line takes the file, and it is never in memory as a whole.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - `_pieces` closes it

    def write(rows: Iterable[Row]) -> None:
        file.seek(0)
        file.truncate()
        for line in written(rows):
            file.write(line)

    try:
        fill(write)
    except BaseException:
        file.close()
        raise
    # Closed by who has taken it all, or gone away.
    return _pieces(file)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_CHUNK_BYTES):
            yield piece
