"""Putting a plan into force: open moves, their runners, and the promises that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from schemas import states
from server import bulk, guests, outbox, promises
from server.bulk import table_of
from server.config import Config
from server.dispatch import first_come
from server.dispatch.situation import look
from server.dispatch.snapshot import Job, Planner, WantedMove
from server.models import MoveRow, RequestRow, VisitRow
from server.one_of import one_of
from server.outbox import Notice
from server.visit_rows import OPEN, REQUEST_IS_OPEN, VISIT_IS_OPEN

BASELINE: Planner = first_come.plan

_MOVES, _REQUESTS, _VISITS = table_of(MoveRow), table_of(RequestRow), table_of(VisitRow)

Columns = dict[str, Any]


def replan(
    session: Session, config: Config, version: int, now: datetime, planner: Planner = BASELINE
) -> set[str]:
    """Plan the district's open moves anew and write what changed under `version`.

    1. The moves that are wanted now are opened, those no longer wanted are closed.
    2. The planner gives each a runner; a move is given out by compare-and-set on its state,
       so one that was taken meanwhile is left alone.
    3. Requests without a promise get one; a promise that cannot hold is moved, with its reason.

    Returns the ids of the visits of which somebody has to hear: runner, destination or promise
    changed. Planned times that only moved with the clock are written but are no news. Row objects
    that the session holds are read anew when they are next looked at.
    """
    session.flush()
    connection = session.connection()
    if not connection.scalar(_ANYTHING_OPEN):
        return set()
    snapshot = look(session, config, now)
    jobs = {job.visit_id: job for job in planner(snapshot)}
    touched = _give_out(connection, snapshot.moves, jobs)
    estimates = dict(snapshot.arrivals)
    estimates.update({job.visit_id: job.done_at for job in jobs.values() if _brings(job)})
    touched |= _promise(session, config, estimates, now)
    if touched:
        session.flush()
        connection.execute(_SET_VERSION, {"ids": list(touched), "new": version})
    session.expire_all()
    return touched


_SET_VERSION = update(_VISITS).where(one_of(_VISITS.c.id, "ids")).values(version=bindparam("new"))
_AT_REST = (states.AT_BOOTH, states.REQUESTED)
# Whether a car has to be driven or somebody waits for one: else there is nothing to plan.
_ANYTHING_OPEN = select(
    or_(
        select(_VISITS.c.id).where(VISIT_IS_OPEN, _VISITS.c.state.in_(_AT_REST)).exists(),
        select(_MOVES.c.visit_id).where(_MOVES.c.state == OPEN).exists(),
        select(_REQUESTS.c.event_id).where(REQUEST_IS_OPEN).exists(),
    )
)


_PLAN = ("runner_id", "to_place_id", "planned_start_at", "planned_done_at", "why")
_WANTED = ("kind", "from_place_id", *_PLAN)
_SET = (
    update(_MOVES)
    .where(
        _MOVES.c.visit_id == bindparam("of_visit_id"),
        _MOVES.c.ordinal == bindparam("of_ordinal"),
        _MOVES.c.state == OPEN,
    )
    .values({name: bindparam(f"new_{name}") for name in _WANTED})
)
_DROP = delete(_MOVES).where(
    _MOVES.c.visit_id == bindparam("of_visit_id"),
    _MOVES.c.ordinal == bindparam("of_ordinal"),
    _MOVES.c.state == OPEN,
)


def _give_out(
    connection: Connection, wanted: Sequence[WantedMove], jobs: Mapping[str, Job]
) -> set[str]:
    """Make the open moves those that are wanted, with the plan in them; the visits whose runner,
    destination or reason changed."""
    open_rows, legs = _known(connection, [move.visit_id for move in wanted])
    touched, new, changed = set(), [], []
    for move in wanted:
        ordinal = legs.get(move.visit_id, 0) + 1
        old = open_rows.get(move.visit_id)
        if old is not None and old["ordinal"] == ordinal:
            del open_rows[move.visit_id]
        else:
            old = None
        row = _row_of(move, ordinal, old, jobs.get(move.visit_id))
        if (row["runner_id"], row["to_place_id"], row["why"]) != _given(move, old):
            touched.add(move.visit_id)
        if old is None:
            new.append(row)
        elif any(row[name] != old[name] for name in _WANTED):
            changed.append(row)
    _drop(connection, open_rows.values())
    if changed:
        connection.execute(_SET, [_marked(row) for row in changed])
    bulk.append(connection, _MOVES, new)
    return touched


_KNOWN = select(*(_MOVES.c[name] for name in ("visit_id", "ordinal", "state", *_WANTED))).where(
    or_(_MOVES.c.state == OPEN, one_of(_MOVES.c.visit_id, "ids"))
)


def _known(
    connection: Connection, visit_ids: Sequence[str]
) -> tuple[dict[str, Columns], dict[str, int]]:
    """All open moves by visit, and how many drives each of these visits has behind it."""
    rows = connection.execute(_KNOWN, {"ids": visit_ids}).mappings()
    open_rows: dict[str, Columns] = {}
    legs: dict[str, int] = {}
    for row in rows:
        if row["state"] == OPEN:
            open_rows[row["visit_id"]] = dict(row)
        else:
            legs[row["visit_id"]] = legs.get(row["visit_id"], 0) + 1
    return open_rows, legs


def _row_of(move: WantedMove, ordinal: int, old: Columns | None, job: Job | None) -> Columns:
    row: Columns = {
        "visit_id": move.visit_id,
        "ordinal": ordinal,
        "kind": move.kind,
        "state": OPEN,
        "from_place_id": move.from_place_id,
        "to_place_id": _given(move, old)[1],
        "opened_at": move.known_at,
        "runner_id": None,
        "planned_start_at": None,
        "planned_done_at": None,
        "why": None,
    }
    if job is not None:
        plan = (job.runner_id, job.to_place_id, job.start_at, job.done_at, job.why)
        row.update(zip(_PLAN, plan, strict=True))
    return row


def _given(move: WantedMove, old: Columns | None) -> tuple[str | None, str | None, str | None]:
    """Runner, destination and reason that the move has before the plan: where it is open already
    and goes to whichever lot is picked, the one that was picked last."""
    if old is None:
        return None, move.to_place_id, None
    is_new_drive = move.to_place_id is not None or old["kind"] != move.kind
    to_place_id = move.to_place_id if is_new_drive else old["to_place_id"]
    return old["runner_id"], to_place_id, old["why"]


def _marked(row: Columns) -> Columns:
    return {
        "of_visit_id": row["visit_id"],
        "of_ordinal": row["ordinal"],
        **{f"new_{name}": row[name] for name in _WANTED},
    }


def _drop(connection: Connection, rows: Iterable[Columns]) -> None:
    gone = [{"of_visit_id": row["visit_id"], "of_ordinal": row["ordinal"]} for row in rows]
    if gone:
        connection.execute(_DROP, gone)


def _brings(job: Job) -> bool:
    return job.kind == states.RETRIEVE


# What was promised is kept once the car stands ready, also when nobody came for it.
_KEPT = (states.READY, states.REPARKING)
_ASKED = (
    select(
        _REQUESTS.c.event_id,
        _REQUESTS.c.visit_id,
        _REQUESTS.c.booth_id,
        _REQUESTS.c.wanted_at,
        _VISITS.c.car,
        _VISITS.c.place_id,
        _VISITS.c.guest_ref,
        _VISITS.c.language,
        promises.told_by(_REQUESTS).label("told_by"),
    )
    .join(_VISITS, _VISITS.c.id == _REQUESTS.c.visit_id)
    .where(REQUEST_IS_OPEN, _VISITS.c.is_open, _VISITS.c.car.not_in(_KEPT))
)


def _promise(
    session: Session, config: Config, estimates: Mapping[str, datetime], now: datetime
) -> set[str]:
    asked = sorted(session.connection().execute(_ASKED), key=lambda request: request.event_id)
    touched, late = set(), []
    for request in asked:
        estimate = _estimate(request, estimates, now)
        if estimate is None:
            continue
        promise = promises.keep_or_move(session, config, request, request.told_by, estimate, now)
        if promise is not None:
            touched.add(request.visit_id)
            if promise.reason == promises.LATE:
                late.append(request)
    _tell_late(session, late, now)
    return touched


def _tell_late(session: Session, late: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> None:
    """One text about lateness a request: the page shows every further change."""
    reached = guests.with_phone(session, {request.guest_ref for request in late})
    notices = [
        Notice(request.visit_id, outbox.DELAYED, request.language, request.event_id)
        for request in late
        if request.guest_ref in reached
    ]
    outbox.enqueue(session, notices, now)


def _estimate(
    request: Row[*tuple[Any, ...]], estimates: Mapping[str, datetime], now: datetime
) -> datetime | None:
    """When the car can be ready; None while nobody can say (no runner is at work)."""
    wanted: datetime = max(now, request.wanted_at or now)
    if request.car == states.AT_BOOTH and request.place_id == request.booth_id:
        return wanted
    estimate = estimates.get(request.visit_id)
    return None if estimate is None else max(estimate, wanted)
