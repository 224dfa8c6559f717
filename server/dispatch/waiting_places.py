"""Telling runners without a car where to wait: where the forecast expects the next one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.dispatch.plan import Plan
from server.dispatch.snapshot import Snapshot
from server.models import PersonRow
from server.one_of import one_of

# Nobody is sent to and fro: who was told a place waits there for so long at least.
LEAST_WAIT = timedelta(minutes=3)

_PEOPLE = table_of(PersonRow)
_KNOWN = select(_PEOPLE.c.id, _PEOPLE.c.wait_place_id, _PEOPLE.c.wait_since).where(
    one_of(_PEOPLE.c.id, "ids")
)
_TELL = (
    update(_PEOPLE)
    .where(_PEOPLE.c.id == bindparam("of_id"))
    .values(
        wait_place_id=bindparam("new_place_id"),
        wait_since=bindparam("new_since"),
        version=bindparam("new_version"),
    )
)


def tell(session: Session, snapshot: Snapshot, plan: Plan, version: int) -> bool:
    """Write where those who have nothing to drive are to wait; whether anything changed. Who has a
    car to drive is shown that instead."""
    busy = {job.runner_id for job in plan.jobs}
    idle = [each.id for each in snapshot.runners if each.id not in busy and not each.is_driving]
    if not idle:
        return False
    connection = session.connection()
    told = [
        {
            "of_id": row.id,
            "new_place_id": plan.waits.get(row.id),
            "new_since": snapshot.now,
            "new_version": version,
        }
        for row in connection.execute(_KNOWN, {"ids": idle})
        if plan.waits.get(row.id) != row.wait_place_id and _has_waited(row.wait_since, snapshot.now)
    ]
    if told:
        connection.execute(_TELL, told)
    return bool(told)


def _has_waited(since: datetime | None, now: datetime) -> bool:
    return since is None or now - since >= LEAST_WAIT
