"""When a car could be at each open booth: the windows that a driver chooses between.

No plan is made for it. Whoever asks now comes after all who asked before: the car is put behind
the cars that people wait for already, in the plan that is in force, where a runner can be at it
first. When that is does not depend on the booth, so it is found once, and each booth only adds its
own way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import RUNNER
from server import calibration, promises, shifts, visits
from server.bulk import table_of
from server.config import Config
from server.dispatch.grounds import rows_of, shut_ahead_of
from server.dispatch.snapshot import Shut, Travel
from server.district import open_booths
from server.leg_times import travel_times
from server.models import MoveRow, PlaceRow, RequestRow, VisitRow
from server.promises import KEPT, KINDS, Window
from server.visit_rows import OPEN, REQUEST_IS_OPEN, TAKEN

_MOVES, _REQUESTS, _VISITS = table_of(MoveRow), table_of(RequestRow), table_of(VisitRow)
_S = timedelta(seconds=1)
_FAR = Travel(drive_s=600, empty_s=600)
_HERE = Travel(drive_s=0, empty_s=0)
# Once it is under way to a booth nobody sends it elsewhere.
_CHOOSABLE = (states.AT_BOOTH, states.TO_LOT, states.PARKED, states.REPARKING)

Move = Row[*tuple[Any, ...]]

_PENDING = select(
    _MOVES.c.visit_id,
    _MOVES.c.kind,
    _MOVES.c.state,
    _MOVES.c.from_place_id,
    _MOVES.c.to_place_id,
    _MOVES.c.runner_id,
    _MOVES.c.taken_at,
    _MOVES.c.planned_start_at,
    _MOVES.c.planned_done_at,
).where(_MOVES.c.state.in_((OPEN, TAKEN)))


_ASKED = (
    select(_REQUESTS.c.wanted_at)
    .join(_VISITS, _VISITS.c.id == _REQUESTS.c.visit_id)
    .where(REQUEST_IS_OPEN, _VISITS.c.is_open, _VISITS.c.car.not_in(KEPT))
    .where(_VISITS.c.id != bindparam("id"))
)


def booth_windows(
    session: Session,
    config: Config,
    visit: VisitRow,
    now: datetime,
    wanted_at: datetime | None = None,
    at: Sequence[PlaceRow] | None = None,
) -> dict[str, Window]:
    """The window in which the car would be ready at each open booth, were it asked for now (for
    `wanted_at`, if that is given), by booth. `at`: the booths that are open then, if the caller
    knows them.

    The booth that it is asked for at already has the window that was promised. Without a booth of
    which nobody can say (no runner is at work), and empty once it can be chosen no more.
    """
    if visit.shown_state == states.HELD or visit.car not in _CHOOSABLE:
        return {}
    request = visits.open_request(session, visit.id)
    at = open_booths(session, wanted_at or now) if at is None else at
    ground = _look(session, config, visit, now, at)
    start = _start(ground, visit, request)
    levels = calibration.levels(session, config, KINDS)
    others = _in_line(session, visit, now)
    in_rush = promises.is_rush(config, others, len(ground.runners))
    found: dict[str, Window] = {}
    for booth_id in ground.booth_ids:
        ready = now if ground.stands_at == booth_id else None
        if ready is None and start is not None:
            ready = ground.there_at(booth_id, start)
        if ready is not None:
            estimate = max(ready, wanted_at or ready)
            kind = promises.kind_of(now, estimate, wanted_at, in_rush=in_rush)
            found[booth_id] = promises.window(
                config, now, estimate, wanted_at, levels[kind], in_rush=in_rush
            )
    if visit.car == states.REPARKING:
        # What was promised was kept, and nobody came.
        return found
    if request is not None and request.booth_id in found and request.wanted_at == wanted_at:
        told = promises.current(session, [request.event_id]).get(request.event_id)
        if told is not None:
            found[request.booth_id] = Window(told.ready_from, told.ready_by)
    return found


def _in_line(session: Session, visit: VisitRow, now: datetime) -> int:
    """How many others stand in line: they asked, and their cars are not ready."""
    rows = session.connection().execute(_ASKED, {"id": visit.id})
    return sum(promises.waits(now, row.wanted_at) for row in rows)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the district looks like from one car: `origin` is where it is, or is driven to, from
    `release` on; `stands_at` the booth at whose kerb it is, if it is. `shuffle`: what it takes to
    move the cars in front of it."""

    now: datetime
    origin: str
    release: datetime
    stands_at: str | None
    booth_ids: Sequence[str]
    travel: Mapping[tuple[str, str], Travel]
    shut: Sequence[Shut]
    handling_s: int
    shuffle: timedelta
    runners: Mapping[str, tuple[str, datetime]]
    routes: Mapping[str, Sequence[Move]]
    own: Move | None

    def between(self, origin: str, to: str) -> Travel:
        return _HERE if origin == to else self.travel.get((origin, to), _FAR)

    def drive(self, origin: str, to: str) -> timedelta:
        return _S * (self.between(origin, to).drive_s + self.handling_s)

    def there_at(self, booth_id: str, start: datetime) -> datetime:
        """When the car is at a booth, driven off at `start` or when its way is open."""
        took = self.drive(self.origin, booth_id) + self.shuffle
        windows = [each.window for each in self.shut if each.stops(self.origin, booth_id)]
        for window in sorted(windows, key=lambda window: window.from_at):
            if start < window.until_at and start + took > window.from_at:
                start = window.until_at
        return start + took

    def empty(self, origin: str, to: str) -> timedelta:
        return _S * self.between(origin, to).empty_s


def _look(
    session: Session, config: Config, visit: VisitRow, now: datetime, at: Sequence[PlaceRow]
) -> _Ground:
    connection = session.connection()
    moves = connection.execute(_PENDING).all()
    travel = travel_times(connection)
    in_front = 0 if visit.stall is None else _in_front(session, config, visit, visit.stall)

    def arrival(move: Move) -> datetime:
        drive_s = travel.get((move.from_place_id, move.to_place_id), _FAR).drive_s
        done_at: datetime = move.taken_at + _S * (drive_s + config.handling_s)
        return max(now, done_at)

    driving = {move.runner_id: move for move in moves if move.state == TAKEN}
    at_work = shifts.at_work(session, RUNNER, now, config.shift_forgotten_s)
    own = next((move for move in moves if move.visit_id == visit.id), None)
    is_driven = own is not None and own.state == TAKEN
    return _Ground(
        now=now,
        origin=visit.destination_id or visit.place_id,
        release=arrival(own) if own is not None and is_driven else now,
        stands_at=visit.place_id if visit.car in states.RESTING else None,
        booth_ids=[booth.id for booth in at],
        travel=travel,
        shut=shut_ahead_of(connection, now),
        handling_s=config.handling_s,
        shuffle=_S * config.shuffle_s * in_front,
        runners={
            person_id: (driving[person_id].to_place_id, arrival(driving[person_id]))
            if person_id in driving
            else (place_id, now)
            for person_id, place_id in at_work
        },
        routes=_routes([move for move in moves if move.visit_id != visit.id]),
        own=own,
    )


def _in_front(session: Session, config: Config, visit: VisitRow, stall: str) -> int:
    """How many cars stand in front of this one."""
    lot = session.get(PlaceRow, visit.place_id)
    rows = {} if lot is None else rows_of(session.connection(), config, [lot])
    ours = [row for row in rows.get(visit.place_id, ()) if stall in row.stalls]
    return sum(len(row.in_front_of(stall)) for row in ours)


def _routes(moves: Sequence[Move]) -> dict[str, Sequence[Move]]:
    """What each runner is to drive next by the plan in force, in order."""
    planned = [
        move for move in moves if move.state == OPEN and move.runner_id and move.planned_start_at
    ]
    planned.sort(key=lambda move: (move.runner_id, move.planned_start_at, move.visit_id))
    return {
        runner_id: list(route)
        for runner_id, route in groupby(planned, key=lambda move: str(move.runner_id))
    }


def _start(ground: _Ground, visit: VisitRow, request: RequestRow | None) -> datetime | None:
    """When somebody can drive the car off; None while nobody can say."""
    own = ground.own
    is_wanted_now = request is not None and (request.wanted_at or ground.now) <= ground.now
    if is_wanted_now and own is not None and own.state == OPEN and own.kind == states.RETRIEVE:
        # It has its place in the plan already, and another booth does not move it from there.
        planned: datetime | None = own.planned_start_at
        return None if planned is None else max(planned, ground.release)
    starts = [
        max(free_at + ground.empty(place_id, ground.origin), ground.release)
        for runner_id in ground.runners
        for place_id, free_at in _openings(ground, runner_id)
    ]
    return min(starts, default=None)


def _openings(ground: _Ground, runner_id: str) -> Iterator[tuple[str, datetime]]:
    """Where and when a runner is free to fetch one more car, so that nobody who waits for theirs
    waits longer: a place and a time. Cars that nobody waits for can stand a little."""
    route = ground.routes.get(runner_id, ())
    for number in range(len(route) + 1):
        place_id, free_at = ground.runners[runner_id]
        if number:
            place_id = route[number - 1].to_place_id
            free_at = max(ground.now, route[number - 1].planned_done_at)
        if _is_in_nobodys_way(ground, route[number:], place_id, free_at):
            yield place_id, free_at


def _is_in_nobodys_way(
    ground: _Ground, behind: Sequence[Move], place_id: str, free_at: datetime
) -> bool:
    awaited = next((move for move in behind if move.kind == states.RETRIEVE), None)
    if awaited is None:
        return True
    start = max(free_at + ground.empty(place_id, ground.origin), ground.release)
    back = max(
        ground.drive(ground.origin, booth_id) + ground.empty(booth_id, awaited.from_place_id)
        for booth_id in (*ground.booth_ids, ground.origin)
    )
    planned: datetime = awaited.planned_start_at
    return start + back <= planned
