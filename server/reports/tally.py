"""Counting and ranking figures in the database: one statement, however many rows are behind it.

Quantiles are by nearest rank, as in `server.reports.quantile`: the answer is always one of the
values, and the same on every database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from server.listed import listed
from server.reports.asked import Asked
from server.reports.quantile import MEDIAN, NINETIETH

NINETY_FIFTH = 95
Group: TypeAlias = tuple[Any, ...]
_Column: TypeAlias = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many values there are, and the median, the 90th and the 95th in a hundred of them."""

    n: int = 0
    median: int | None = None
    p90: int | None = None
    p95: int | None = None


NOTHING = Ranks()


@dataclass(frozen=True, slots=True)
class Measured:
    """How many rows, what some sums of them come to, and the quantiles of some columns."""

    n: int
    sums: Sequence[int]
    ranks: Sequence[Ranks]


def in_days(day: _Column, asked: Asked) -> ColumnElement[bool]:
    """Whether a column of day ordinals lies in the days that were asked for."""
    return day.between(asked.range.first.toordinal(), asked.range.last.toordinal())


def of(asked: Asked, day: _Column, booth: _Column | None = None, lot: _Column | None = None) -> Any:
    """The condition that what was asked for is, by those columns that a table has."""
    wanted = [in_days(day, asked)]
    if booth is not None and asked.booth_id is not None:
        wanted.append(booth == asked.booth_id)
    if lot is not None and asked.lot_id is not None:
        wanted.append(lot == asked.lot_id)
    return and_(*wanted)


def counts(
    session: Session, by: Sequence[_Column], where: _Column, *also: _Column
) -> dict[Group, Group]:
    """By the values of `by`: the number of rows, and what each of `also` (sums) comes to."""
    wanted = (*by, func.count(), *also)
    rows = session.connection().execute(select(*wanted).where(where).group_by(*by))
    return {tuple(row[: len(by)]): tuple(row[len(by) :]) for row in rows}


def total(value: _Column) -> _Column:
    """The sum of a column, 0 without rows."""
    return func.coalesce(func.sum(value), 0)


def how_many(condition: _Column) -> _Column:
    """The number of rows for which something is so."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def ranks(
    session: Session, value: _Column, by: Sequence[_Column], where: _Column
) -> dict[Group, Ranks]:
    """By the values of `by`: the quantiles of `value`, which are whole numbers; null is none, and
    groups without values are left out."""
    found = measured(session, by, where, [value])
    return {group: each.ranks[0] for group, each in found.items() if each.ranks[0].n}


def measured(
    session: Session,
    by: Sequence[_Column],
    where: _Column,
    values: Sequence[_Column],
    *also: _Column,
) -> dict[Group, Measured]:
    """By the values of `by`: the number of rows, the quantiles of each of `values` as in `ranks`,
    and what each of `also` (sums) comes to.

    The database gathers the values and they are ranked here, which is several times quicker than
    letting it rank them.
    """
    wanted = (*by, func.count(), *also, *map(listed, values))
    rows = session.connection().execute(select(*wanted).where(where).group_by(*by))
    found: dict[Group, Measured] = {}
    for row in rows:
        n, *told = row[len(by) :]
        sums, lists = told[: len(also)], told[len(also) :]
        # Without groups there is one row, also of nothing.
        if n:
            found[tuple(row[: len(by)])] = Measured(
                n, [*map(int, sums)], [_ranks(each or ()) for each in lists]
            )
    return found


def _ranks(values: Sequence[int]) -> Ranks:
    if not values:
        return NOTHING
    ordered, n = sorted(values), len(values)
    # The rank ceil(p * n), counted from one, in whole numbers.
    wanted = (-(-percent * n // 100) for percent in (MEDIAN, NINETIETH, NINETY_FIFTH))
    return Ranks(n, *(ordered[rank - 1] for rank in wanted))


def merged(groups: Mapping[Group, Any], *others: Mapping[Group, Any]) -> list[Group]:
    """The groups of all of these, those without a name left out, in order."""
    found = {group for each in (groups, *others) for group in each if None not in group}
    return sorted(found)
