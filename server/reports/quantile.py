"""Quantiles by nearest rank: the answer is always one of the values.

The p-quantile of n values is the one at rank ceil(p * n) of the sorted values, counted from
one; so the median of an even count is the lower of the two in the middle. It is computed
here on whole seconds and not by the database: the same on SQLite and PostgreSQL, without
rounding, and there is always a visit behind the figure.
"""

from __future__ import annotations

from collections.abc import Iterable

MEDIAN = 50
NINETIETH = 90


def nearest_rank(values: Iterable[int], percent: int) -> int | None:
    """The value that `percent` (1 to 100) of all values do not exceed; None without values."""
    assert 1 <= percent <= 100
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]
