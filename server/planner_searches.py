"""How long the search for a plan took, counted by all workers together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from server.database import insert_missing
from server.dispatch.planner_state import FAILED, LATE
from server.models import PlannerSearchRow

BOUNDS_MS = (5, 10, 25, 50, 100, 200, 400, 800, 1600, 3200)
"""The upper ends of the classes; what took longer is in a last one without end."""
_ENDLESS_MS = 10**9
FAULTS = (FAILED, LATE)


@dataclass(slots=True)
class Searches:
    """All searches so far: how many took at most so many milliseconds (None: any time), what all
    took together, how many the baseline stood in for, by fault; and what the plans cost and first
    come, first served would have, in late minutes of drivers."""

    upto: dict[int | None, int] = field(default_factory=dict)
    took_ms: int = 0
    fell_back: Mapping[str, int] = field(default_factory=dict)
    cost: float = 0.0
    baseline_cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """One search: why it could not be used, if so, its seconds, what its plan costs, and what that
    of first come, first served would have (`server.dispatch.plan.Plan`)."""

    fault: str | None
    took_s: float
    cost: float = 0.0
    baseline_cost: float = 0.0


def note(session: Session, ended: Ended) -> None:
    """Count one search."""
    took_ms = round(ended.took_s * 1000)
    bounds = (*BOUNDS_MS, _ENDLESS_MS)
    key = {"fault": ended.fault or "", "upto_ms": bounds[bisect_left(BOUNDS_MS, took_ms)]}
    if not _counted(session, key, took_ms, ended):
        insert_missing(session, PlannerSearchRow, **key, searches=0, took_ms=0)
        _counted(session, key, took_ms, ended)


def _counted(session: Session, key: Mapping[str, object], took_ms: int, ended: Ended) -> bool:
    row = PlannerSearchRow
    result = session.execute(
        update(row)
        .where(row.fault == key["fault"], row.upto_ms == key["upto_ms"])
        .values(
            searches=row.searches + 1,
            took_ms=row.took_ms + took_ms,
            cost_centi=row.cost_centi + round(ended.cost * 100),
            baseline_centi=row.baseline_centi + round(ended.baseline_cost * 100),
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def searches(session: Session) -> Searches:
    """All that was counted."""
    rows = session.scalars(select(PlannerSearchRow)).all()
    found = Searches(took_ms=sum(row.took_ms for row in rows))
    found.cost = sum(row.cost_centi for row in rows) / 100
    found.baseline_cost = sum(row.baseline_centi for row in rows) / 100
    for bound in (*BOUNDS_MS, _ENDLESS_MS):
        count = sum(row.searches for row in rows if row.upto_ms <= bound)
        found.upto[None if bound == _ENDLESS_MS else bound] = count
    found.fell_back = {
        fault: sum(row.searches for row in rows if row.fault == fault) for fault in FAULTS
    }
    return found
