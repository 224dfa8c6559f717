"""Putting a plan into force: open moves, their runners, and the promises that follow.

With every event the plan in force is only completed: that is quick enough to be done while others
wait for the district's version. The search for a better plan needs some tenths of a second, so
the worker lets it run on a snapshot, outside of any transaction. What it found is then completed
in the same way on what is true by then: a car that was taken meanwhile is left alone, one that
came is put in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from schemas import states
from server import clock, guests, outbox, promises
from server.bulk import table_of
from server.config import Config
from server.dispatch import planner as live
from server.dispatch import planner_state
from server.dispatch.forecast import Forecast
from server.dispatch.given_moves import give_out, given_moves
from server.dispatch.past_evenings import with_forecast
from server.dispatch.plan import WHY_CLOSURE, Plan, Planner
from server.dispatch.planner_state import Guarded, guarded
from server.dispatch.rides_seen import UNDER_WAY, note_rides
from server.dispatch.route_search import Budget
from server.dispatch.situation import look
from server.dispatch.snapshot import Snapshot
from server.dispatch.staging import staging_moves
from server.models import MoveRow, RequestRow, VisitRow
from server.one_of import one_of
from server.outbox import Notice
from server.tracing import traced
from server.visit_rows import OPEN, REQUEST_IS_OPEN, VISIT_IS_OPEN

LIVE: Planner = live.plan

Standing = Mapping[str, Sequence[str]]

_MOVES, _REQUESTS, _VISITS = table_of(MoveRow), table_of(RequestRow), table_of(VisitRow)


def replan(
    session: Session,
    config: Config,
    version: int,
    now: datetime,
    planner: Planner = LIVE,
    standing: Standing | None = None,
    *,
    rides: Mapping[str, str] | None = None,
) -> set[str]:
    """Complete the plan in force (or `standing` with `rides`: what a search found) and write what
    changed under `version`.

    1. The moves that are wanted now are opened, those no longer wanted are closed.
    2. The planner gives each a runner; a move is given out by compare-and-set on its state,
       so one that was taken meanwhile is left alone. If the planner fails, the baseline plans.
    3. Requests without a promise get one; a promise that cannot hold is moved, with its reason.

    Returns the ids of the visits of which somebody has to hear: runner, destination, reason or
    promise changed, or it is time to set out. Planned times that only moved with the clock are no
    news. Row objects that the session holds are read anew when they are next looked at.
    """
    session.flush()
    connection = session.connection()
    is_any, is_riding, fault = connection.execute(_ANYTHING_OPEN).one()
    if not is_any and not is_riding and not standing:
        return set()
    given = given_moves(connection)
    if is_riding or any(move.passengers for move in given):
        note_rides(connection, given)
    snapshot = look(session, config, now, standing, given, rides)
    made = guarded(planner, snapshot, config.plan_seed, live.AT_ONCE)
    planner_state.note(connection, planner_state.AT_ONCE, fault, made, now)
    # What is brought near is wanted by nobody but the plan.
    near = staging_moves(snapshot, made.plan.jobs)
    moves = replace(snapshot, moves=[*snapshot.moves, *near])
    touched = give_out(connection, moves, made.plan, given)
    touched |= _promise(session, config, made.plan, len(snapshot.runners), now)
    if touched:
        session.flush()
        connection.execute(_SET_VERSION, {"ids": list(touched), "new": version})
    session.expire_all()
    return touched


def outlook(
    session: Session, config: Config, now: datetime, forecast: Forecast | None = None
) -> Snapshot:
    """The snapshot of this moment, for `search`, with what the forecast expects."""
    snapshot = look(session, config, now)
    if forecast is None:
        return snapshot
    return with_forecast(session, config, snapshot, forecast)


@traced("plan")
def search(snapshot: Snapshot, config: Config, planner: Planner = LIVE) -> Guarded:
    """Look for a better plan, outside of any transaction. Rounds are counted, so the same snapshot
    gives the same plan; the seconds only cut a search that a busy machine drags out."""
    budget = Budget(config.plan_rounds, config.plan_ms / 1000, clock.mono_s)
    late_s = config.plan_late_ms / 1000
    return guarded(planner, snapshot, config.plan_seed, budget, late_s, clock.mono_s)


def routes_of(plan: Plan) -> Standing:
    """Per runner the visits of a plan in order."""
    routes: dict[str, list[str]] = {}
    for job in plan.jobs:
        routes.setdefault(job.runner_id, []).append(job.visit_id)
    return routes


def rides_of(plan: Plan) -> Mapping[str, str]:
    """Per runner the visit of the car in which a plan has the runner go along first."""
    rides: dict[str, str] = {}
    for ride in plan.rides:
        rides.setdefault(ride.passenger_id, ride.visit_id)
    return rides


_SET_VERSION = update(_VISITS).where(one_of(_VISITS.c.id, "ids")).values(version=bindparam("new"))
_AT_REST = (states.AT_BOOTH, states.REQUESTED)
# Whether a car has to be driven or somebody waits for one: else there is nothing to plan. And what
# is known of the planner, in the same statement: this is asked with every tap.
_ANYTHING_OPEN = select(
    or_(
        select(_VISITS.c.id).where(VISIT_IS_OPEN, _VISITS.c.state.in_(_AT_REST)).exists(),
        select(_MOVES.c.visit_id).where(_MOVES.c.state == OPEN).exists(),
        select(_REQUESTS.c.event_id).where(REQUEST_IS_OPEN).exists(),
    ),
    UNDER_WAY,
    planner_state.fault_of(planner_state.AT_ONCE),
)

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
    .where(REQUEST_IS_OPEN, _VISITS.c.is_open, _VISITS.c.car.not_in(promises.KEPT))
)


def _promise(session: Session, config: Config, plan: Plan, runners: int, now: datetime) -> set[str]:
    shut = {job.visit_id for job in plan.jobs if job.why == WHY_CLOSURE}
    asked = sorted(session.connection().execute(_ASKED), key=lambda request: request.event_id)
    touched, late = set(), []
    in_line = sum(promises.waits(now, request.wanted_at) for request in asked)
    for request in asked:
        estimate = _estimate(request, plan.ready, now)
        if estimate is None:
            continue
        cause = promises.CLOSURE if request.visit_id in shut else promises.LATE
        others = in_line - promises.waits(now, request.wanted_at)
        promise = promises.keep_or_move(
            session,
            config,
            request,
            request.told_by,
            estimate,
            now,
            cause,
            in_rush=promises.is_rush(config, others, runners),
        )
        if promise is not None:
            touched.add(request.visit_id)
            if promises.is_moved(promise.reason):
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
    if request.car in states.RESTING and request.place_id == request.booth_id:
        return wanted
    estimate = estimates.get(request.visit_id)
    return None if estimate is None else max(estimate, wanted)
