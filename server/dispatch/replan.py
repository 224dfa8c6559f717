"""Putting a plan into force: open moves, their runners, and the promises that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from schemas import states
from server import guests, outbox, promises
from server.config import Config
from server.dispatch import first_come
from server.dispatch.situation import look
from server.dispatch.snapshot import Job, Planner, WantedMove
from server.models import MoveRow, RequestRow, VisitRow
from server.visits import OPEN

BASELINE: Planner = first_come.plan


def replan(
    session: Session, config: Config, version: int, now: datetime, planner: Planner = BASELINE
) -> set[str]:
    """Plan the district's open moves anew and write what changed under `version`.

    1. The moves that are wanted now are opened, those no longer wanted are closed.
    2. The planner gives each a runner; a move is given out by compare-and-set on its state,
       so one that was taken meanwhile is left alone.
    3. Requests without a promise get one; a promise that cannot hold is moved, with its reason.

    Returns the ids of the visits of which somebody has to hear: runner, destination or promise
    changed. Planned times that only moved with the clock are written but are no news.
    """
    snapshot = look(session, config, now)
    open_moves = _open(session, snapshot.moves)
    jobs = {job.visit_id: job for job in planner(snapshot)}
    touched = _give_out(session, open_moves, jobs)
    estimates = dict(snapshot.arrivals)
    estimates.update({job.visit_id: job.done_at for job in jobs.values() if _brings(job)})
    touched |= _promise(session, config, estimates, now)
    if touched:
        session.execute(update(VisitRow).where(VisitRow.id.in_(touched)).values(version=version))
    return touched


def _open(session: Session, wanted: Sequence[WantedMove]) -> list[MoveRow]:
    """The rows of the open moves, after making them agree with what is wanted."""
    open_rows = session.scalars(select(MoveRow).where(MoveRow.state == OPEN))
    rows = {row.visit_id: row for row in open_rows}
    legs = _legs_so_far(session, {move.visit_id for move in wanted})
    keep = []
    for move in wanted:
        row = rows.pop(move.visit_id, None)
        ordinal = legs.get(move.visit_id, 0) + 1
        if row is None or row.ordinal != ordinal:
            if row is not None:
                _drop(session, row)
            row = MoveRow(visit_id=move.visit_id, ordinal=ordinal, state=OPEN)
            row.opened_at = move.known_at
            session.add(row)
        if move.to_place_id is not None or row.kind != move.kind:
            row.to_place_id = move.to_place_id
        row.kind, row.from_place_id = move.kind, move.from_place_id
        keep.append(row)
    for row in rows.values():
        _drop(session, row)
    session.flush()
    return keep


def _legs_so_far(session: Session, visit_ids: set[str]) -> dict[str, int]:
    counts = session.execute(
        select(MoveRow.visit_id, func.count())
        .where(MoveRow.visit_id.in_(visit_ids), MoveRow.state != OPEN)
        .group_by(MoveRow.visit_id)
    )
    return {visit_id: count for visit_id, count in counts}  # noqa: C416 (dict() takes it for a mapping)


def _drop(session: Session, row: MoveRow) -> None:
    session.execute(
        delete(MoveRow).where(
            MoveRow.visit_id == row.visit_id,
            MoveRow.ordinal == row.ordinal,
            MoveRow.state == OPEN,
        )
    )


_PLAN = ("runner_id", "to_place_id", "planned_start_at", "planned_done_at", "why")
_SET_PLAN = (
    update(MoveRow)
    .where(
        MoveRow.visit_id == bindparam("of_visit_id"),
        MoveRow.ordinal == bindparam("of_ordinal"),
        MoveRow.state == OPEN,
    )
    .values({name: bindparam(f"new_{name}") for name in _PLAN})
)


def _give_out(session: Session, moves: Sequence[MoveRow], jobs: Mapping[str, Job]) -> set[str]:
    """Write the plan into the moves that are still open; the visits whose runner or destination
    changed."""
    changed, rows = set(), []
    for move in moves:
        job = jobs.get(move.visit_id)
        plan = _plan_of(move, job)
        if plan == tuple(getattr(move, name) for name in _PLAN):
            continue
        if plan[:2] != (move.runner_id, move.to_place_id):
            changed.add(move.visit_id)
        row = {f"new_{name}": value for name, value in zip(_PLAN, plan, strict=True)}
        rows.append({"of_visit_id": move.visit_id, "of_ordinal": move.ordinal, **row})
        session.expire(move)
    if rows:
        session.connection().execute(_SET_PLAN, rows)
    return changed


def _plan_of(move: MoveRow, job: Job | None) -> tuple[object, ...]:
    if job is None:
        return None, move.to_place_id, None, None, None
    return job.runner_id, job.to_place_id, job.start_at, job.done_at, job.why


def _brings(job: Job) -> bool:
    return job.kind == states.RETRIEVE


def _promise(
    session: Session, config: Config, estimates: Mapping[str, datetime], now: datetime
) -> set[str]:
    wanted = session.execute(
        select(RequestRow, VisitRow)
        .join(VisitRow, VisitRow.id == RequestRow.visit_id)
        .where(RequestRow.status == OPEN, VisitRow.is_open, VisitRow.car.not_in(_KEPT))
        .order_by(RequestRow.event_id)
    ).all()
    standing = promises.current(session, [request.event_id for request, _ in wanted])
    touched = set()
    for request, visit in wanted:
        estimate = _estimate(request, visit, estimates, now)
        if estimate is None:
            continue
        promise = promises.keep_or_move(
            session, config, request, standing.get(request.event_id), estimate, now
        )
        if promise is not None:
            touched.add(visit.id)
            if promise.reason == promises.LATE and guests.has_phone(session, visit.guest_ref):
                # One text about lateness a request: the page shows every further change.
                cause = request.event_id
                outbox.enqueue(session, visit.id, outbox.DELAYED, visit.language, cause, now)
    return touched


# What was promised is kept once the car stands ready, also when nobody came for it.
_KEPT = (states.READY, states.REPARKING)


def _estimate(
    request: RequestRow, visit: VisitRow, estimates: Mapping[str, datetime], now: datetime
) -> datetime | None:
    """When the car can be ready; None while nobody can say (no runner is at work)."""
    wanted = max(now, request.wanted_at or now)
    if visit.car == states.AT_BOOTH and visit.place_id == request.booth_id:
        return wanted
    estimate = estimates.get(visit.id)
    return None if estimate is None else max(estimate, wanted)
