"""Whether the planner does its work, or the baseline has to: said when lost and when back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, ScalarSelect, insert, select, update
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.dispatch import first_come
from server.dispatch.plan import Plan, Planner
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Snapshot
from server.models import PlannerStateRow

log = structlog.get_logger()

AT_ONCE = "at_once"
"""Planning with every event."""
SEARCH = "search"
"""Searching for a better plan in the background."""
FAILED = "failed"
"""It raised."""
LATE = "late"
"""It took longer than anybody can wait."""

_STATES = table_of(PlannerStateRow)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A plan in any case; `fault` is None if it is the planner's own, `error` what it raised."""

    plan: Plan
    fault: str | None = None
    error: Exception | None = None


def guarded(
    planner: Planner,
    snapshot: Snapshot,
    seed: int,
    budget: Budget,
    late_s: float | None = None,
    clock: Callable[[], float] | None = None,
) -> Guarded:
    """The planner's plan, or the baseline's if it raises or takes longer than `late_s`."""
    began = 0.0 if clock is None else clock()
    try:
        plan = planner(snapshot, seed, budget)
    except Exception as error:  # noqa: BLE001 - whatever a planner stumbles over, cars must move
        return Guarded(first_come.plan(snapshot), FAILED, error)
    if late_s is not None and clock is not None and clock() - began > late_s:
        return Guarded(first_come.plan(snapshot), LATE)
    return Guarded(plan)


def fault_of(part: str) -> ScalarSelect[str | None]:
    """SQL: the fault of a part, null if it works."""
    return select(_STATES.c.fault).where(_STATES.c.part == part).scalar_subquery()


def note(
    connection: Connection, part: str, known: str | None, guarded: Guarded, now: datetime
) -> bool:
    """Write down and say what has changed since `known`; whether anything has."""
    if guarded.fault == known:
        return False
    values = {"fault": guarded.fault, "since_at": now}
    of_part = update(_STATES).where(_STATES.c.part == part).values(values)
    if connection.execute(of_part).rowcount == 0:
        connection.execute(insert(_STATES).values(part=part, **values))
    if guarded.fault is None:
        log.info("planner_back", part=part)
    else:
        log.error("planner_lost", part=part, fault=guarded.fault, exc_info=guarded.error)
    return True


def faults(session: Session) -> dict[str, str | None]:
    """What is known of each part."""
    rows = session.connection().execute(select(_STATES.c.part, _STATES.c.fault))
    return {row.part: row.fault for row in rows}


def note_search(
    session: Session, known: Mapping[str, str | None], guarded: Guarded, now: datetime
) -> bool:
    """As `note`, of a search."""
    return note(session.connection(), SEARCH, known.get(SEARCH), guarded, now)


def lost(session: Session) -> list[PlannerStateRow]:
    """The parts that do not work, with since when."""
    rows = select(PlannerStateRow).where(PlannerStateRow.fault.is_not(None))
    return list(session.scalars(rows.order_by(PlannerStateRow.since_at)))
