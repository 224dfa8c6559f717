"""Pairs that cost least together: the Hungarian method, with shortest augmenting paths."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cheapest_pairs(costs: Sequence[Sequence[float]]) -> list[int | None]:
    """Per row its column, no column twice, each row only if that costs less than nothing.

    `costs[row][column]` is what the pair costs, below zero if it gains. Kuhn and Munkres, in the
    form with potentials: rows times rows times columns.
    """
    if not costs:
        return []
    real = len(costs[0])
    # A column of its own for each row: to stay without, at no cost.
    table = [
        [*row, *(0.0 if other == index else math.inf for other in range(len(costs)))]
        for index, row in enumerate(costs)
    ]
    owner = _owners(table)
    found: list[int | None] = [None] * len(costs)
    for column, row in enumerate(owner[:real]):
        if row is not None:
            found[row] = column
    return found


def _owners(table: Sequence[Sequence[float]]) -> list[int | None]:
    """Per column the row that has it."""
    columns = len(table[0])
    owner: list[int | None] = [None] * columns
    of_row, of_column = [0.0] * len(table), [0.0] * columns
    for first in range(len(table)):
        least, before = [math.inf] * columns, [-1] * columns
        done = [False] * columns
        row, at, reached = first, -1, 0.0
        while True:
            following, best = -1, math.inf
            for column in range(columns):
                if done[column]:
                    continue
                length = reached + table[row][column] - of_row[row] - of_column[column]
                if length < least[column]:
                    least[column], before[column] = length, at
                if least[column] < best:
                    best, following = least[column], column
            at, reached = following, best
            done[at] = True
            holder = owner[at]
            if holder is None:
                break
            row = holder
        for column in range(columns):
            holder = owner[column]
            if done[column] and holder is not None:
                of_row[holder] += reached - least[column]
                of_column[column] -= reached - least[column]
        of_row[first] += reached
        while at != -1:
            previous = before[at]
            owner[at] = first if previous == -1 else owner[previous]
            at = previous
    return owner
