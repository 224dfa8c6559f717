"""Which stall of which row: who leaves first stands nearest to the exit, as far as is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from server.dispatch.snapshot import BlockingRow


def choose_stall(rows: Sequence[BlockingRow], leaves_at: datetime | None) -> tuple[int, str] | None:
    """The row (its index) and the stall for a car that is expected to leave then; None where no
    row can be driven into.

    1. In front of a car that leaves later, the sooner after this one the better.
    2. An empty row.
    3. In front of a car that leaves earlier, or of which nobody knows: the latest of them.
    """
    best: tuple[tuple[int, timedelta, int], int, str] | None = None
    for index, row in enumerate(rows):
        stall = _deepest(row)
        if stall is None:
            continue
        rank = (*_fit(row, leaves_at), index)
        if best is None or rank < best[0]:
            best = rank, index, stall
    return None if best is None else (best[1], best[2])


def _deepest(row: BlockingRow) -> str | None:
    """The stall farthest from the exit that can still be reached."""
    free = None
    for stall in row.stalls:
        if stall in row.cars:
            break
        free = stall
    return free


def _fit(row: BlockingRow, leaves_at: datetime | None) -> tuple[int, timedelta]:
    behind = next((row.cars[stall] for stall in row.stalls if stall in row.cars), None)
    if behind is None:
        return 1, timedelta()
    if behind.leaves_at is None or leaves_at is None:
        return 3, timedelta()
    wait = behind.leaves_at - leaves_at
    return (0, wait) if wait >= timedelta() else (2, -wait)
