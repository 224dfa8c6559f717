"""The rows of the open moves: made those that are wanted, with the plan in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from server import bulk
from server.bulk import table_of
from server.dispatch.plan import Job, Plan, Ride
from server.dispatch.snapshot import Runner, Snapshot, WantedMove
from server.models import MoveRow
from server.one_of import one_of
from server.visit_rows import OPEN, TAKEN

# Planned times move with the clock: a row is not written for less.
_LEAST_CHANGE = timedelta(seconds=15)
# Nor are those who ride along told of less.
_LEAST_TOLD = timedelta(minutes=1)

Columns = dict[str, Any]
Given = Sequence[Row[*tuple[Any, ...]]]

_MOVES = table_of(MoveRow)
_TIMES = ("planned_start_at", "planned_done_at")
_TOLD = (
    *("runner_id", "to_place_id", "why", "why_place_id", "to_stall"),
    *("passengers", "departs_at"),
)
_WANTED = ("kind", "from_place_id", "sent_at", *_TOLD, *_TIMES)
_SET = (
    update(_MOVES)
    .where(
        _MOVES.c.visit_id == bindparam("of_visit_id"),
        _MOVES.c.ordinal == bindparam("of_ordinal"),
        _MOVES.c.state == OPEN,
    )
    .values({name: bindparam(f"new_{name}") for name in _WANTED})
)
# Rows, not objects: a plan is made with every tap, of everything that is under way.
_COLUMNS = ("visit_id", "ordinal", "state", "taken_at", *_WANTED)
_GIVEN = select(*(_MOVES.c[name] for name in _COLUMNS)).where(_MOVES.c.state.in_((OPEN, TAKEN)))
# How many drives a visit has behind it, the one under way too.
_LEGS = (
    select(_MOVES.c.visit_id, func.count().label("legs"))
    .where(one_of(_MOVES.c.visit_id, "ids"), _MOVES.c.state != OPEN)
    .group_by(_MOVES.c.visit_id)
)
_DROP = delete(_MOVES).where(
    _MOVES.c.visit_id == bindparam("of_visit_id"),
    _MOVES.c.ordinal == bindparam("of_ordinal"),
    _MOVES.c.state == OPEN,
)


def given_moves(connection: Connection) -> Given:
    """The moves that somebody drives or is to drive."""
    return connection.execute(_GIVEN).all()


def give_out(connection: Connection, snapshot: Snapshot, plan: Plan, given: Given) -> set[str]:
    """Make the open moves those that are wanted, with the plan in them, by compare-and-set on
    their state; the visits of which anything changed that people are told. `given`: the moves as
    they are."""
    jobs = plan.jobs
    by_visit = {job.visit_id: job for job in jobs}
    along: dict[str, list[Ride]] = {}
    for ride in plan.rides:
        along.setdefault(ride.visit_id, []).append(ride)
    open_rows = {
        move.visit_id: dict(zip(_COLUMNS, move, strict=True))
        for move in given
        if move.state == OPEN
    }
    ids = [move.visit_id for move in snapshot.moves]
    legs = {row.visit_id: row.legs for row in connection.execute(_LEGS, {"ids": ids})}
    sent = _sent(snapshot, jobs, open_rows)
    touched, new, changed = set(), [], []
    for move in snapshot.moves:
        ordinal = legs.get(move.visit_id, 0) + 1
        old = open_rows.get(move.visit_id)
        if old is not None and old["ordinal"] == ordinal:
            del open_rows[move.visit_id]
        else:
            old = None
        before = _given(move, old)
        row = _row_of(move, ordinal, before["to_place_id"], by_visit.get(move.visit_id))
        row["sent_at"] = sent.get(move.visit_id)
        row |= _shared(along.get(move.visit_id, ()), old)
        if any(row[name] != before[name] for name in _TOLD) or _is_other_drive(row, old):
            touched.add(move.visit_id)
        if old is None:
            new.append(row)
        elif _is_other(row, old):
            changed.append(row)
    _drop(connection, open_rows.values())
    # Also by the time alone: it is too late to park a car that is booked for soon.
    touched.update(open_rows)
    if changed:
        connection.execute(_SET, [_marked(row) for row in changed])
    bulk.append(connection, _MOVES, new)
    return touched


def _sent(
    snapshot: Snapshot, jobs: Sequence[Job], known: Mapping[str, Columns]
) -> dict[str, datetime]:
    """Since when runners without a car should be on the way to their next one, by its visit."""
    free = {runner.id: runner for runner in snapshot.runners if not runner.is_driving}
    sent = {}
    for job in jobs:
        runner = free.pop(job.runner_id, None)
        if runner is None or job.rides_in is not None:
            # Who goes along sets out with the colleague.
            continue
        since = _sent_before(snapshot, runner, job, known.get(job.visit_id))
        if since is not None or (job.leave_at is not None and job.leave_at <= snapshot.now):
            sent[job.visit_id] = since or snapshot.now
    return sent


def _sent_before(
    snapshot: Snapshot, runner: Runner, job: Job, old: Columns | None
) -> datetime | None:
    """Since when the runner is on the way there already, perhaps for another car. Who was seen
    elsewhere meanwhile is not."""
    if runner.sent_to == job.from_place_id:
        return runner.free_at
    is_there = runner.sent_to is None and runner.place_id == job.from_place_id
    is_lost = runner.free_at > snapshot.now
    if (is_there or is_lost) and old is not None and old["runner_id"] == runner.id:
        since: datetime | None = old["sent_at"]
        return since
    return None


def _row_of(move: WantedMove, ordinal: int, to_place_id: str | None, job: Job | None) -> Columns:
    row: Columns = {
        "visit_id": move.visit_id,
        "ordinal": ordinal,
        "kind": move.kind,
        "state": OPEN,
        "from_place_id": move.from_place_id,
        "to_place_id": to_place_id,
        "opened_at": move.known_at,
        "runner_id": None,
        "planned_start_at": None,
        "planned_done_at": None,
        "why": None,
        "why_place_id": None,
        "to_stall": None,
        "sent_at": None,
        "passengers": None,
        "departs_at": None,
    }
    if job is not None:
        row |= {
            "runner_id": job.runner_id,
            "to_place_id": job.to_place_id,
            "planned_start_at": job.start_at,
            "planned_done_at": job.done_at,
            "why": job.why,
            "why_place_id": job.why_place_id,
            "to_stall": job.to_stall,
        }
    return row


def _shared(rides: Sequence[Ride], old: Columns | None) -> Columns:
    """Who goes along, and when the car leaves: as they were told before, if that is about so."""
    if not rides:
        return {}
    passengers, departs_at = sorted(ride.passenger_id for ride in rides), rides[0].start_at
    told = None if old is None else old["departs_at"]
    if told is not None and abs(departs_at - told) < _LEAST_TOLD:
        departs_at = told
    return {"passengers": passengers, "departs_at": departs_at}


def _given(move: WantedMove, old: Columns | None) -> Columns:
    """What people were told of the move before the plan: where it is open already and goes to
    whichever lot is picked, the one that was picked last."""
    if old is None:
        return {**dict.fromkeys(_TOLD), "to_place_id": move.to_place_id}
    is_new_drive = move.to_place_id is not None or old["kind"] != move.kind
    to_place_id = move.to_place_id if is_new_drive else old["to_place_id"]
    return {**{name: old[name] for name in _TOLD}, "to_place_id": to_place_id}


def _is_other_drive(row: Columns, old: Columns | None) -> bool:
    """Whether it goes elsewhere than the drive that people know of, or begins (or no more) now."""
    if old is None:
        return row["sent_at"] is not None
    is_elsewhere = any(row[name] != old[name] for name in ("kind", "from_place_id"))
    return is_elsewhere or (row["sent_at"] is None) != (old["sent_at"] is None)


def _is_other(row: Columns, old: Columns) -> bool:
    """Whether a row has to be written anew."""
    if any(row[name] != old[name] for name in _WANTED if name not in _TIMES):
        return True
    return any(_differs(row[name], old[name]) for name in _TIMES)


def _differs(planned: datetime | None, before: datetime | None) -> bool:
    if planned is None or before is None:
        return planned is not before
    return abs(planned - before) >= _LEAST_CHANGE


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
