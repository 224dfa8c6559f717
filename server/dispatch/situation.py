"""The district as a planner sees it: a snapshot out of the tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import LOT, RUNNER
from server import shifts
from server.bulk import table_of
from server.config import Config
from server.dispatch.snapshot import Runner, Snapshot, Travel, WantedMove
from server.models import MoveRow, PlaceRow, RequestRow, TravelRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN, TAKEN, VISIT_IS_OPEN

_FAR = Travel(drive_s=600, empty_s=600)

_MOVES, _PLACES, _REQUESTS = table_of(MoveRow), table_of(PlaceRow), table_of(RequestRow)
_TRAVEL, _VISITS = table_of(TravelRow), table_of(VisitRow)

# Rows, not objects: a plan is made with every tap, of everything that is under way.
_DRIVING = select(
    _MOVES.c.visit_id,
    _MOVES.c.kind,
    _MOVES.c.from_place_id,
    _MOVES.c.to_place_id,
    _MOVES.c.runner_id,
    _MOVES.c.taken_at,
).where(_MOVES.c.state == TAKEN)
_WAITING = (
    select(
        _VISITS.c.id,
        _VISITS.c.car,
        _VISITS.c.place_id,
        _VISITS.c.destination_id,
        _VISITS.c.received_at,
        _VISITS.c.ready_at,
        _REQUESTS.c.booth_id.label("wanted_booth_id"),
        _REQUESTS.c.wanted_at,
        _REQUESTS.c.made_at,
    )
    .select_from(
        _VISITS.outerjoin(_REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN))
    )
    .where(VISIT_IS_OPEN, ~_VISITS.c.tag_shared)
    .where(
        or_(
            _VISITS.c.state.in_((states.AT_BOOTH, states.REQUESTED)),
            (_VISITS.c.state == states.TO_LOT) & _REQUESTS.c.event_id.is_not(None),
        )
    )
)
_STANDS_AT = func.coalesce(_VISITS.c.destination_id, _VISITS.c.place_id)
_STANDING = select(_STANDS_AT, func.count()).where(VISIT_IS_OPEN).group_by(_STANDS_AT)
_TRAVEL_TIMES = select(
    _TRAVEL.c.from_place_id, _TRAVEL.c.to_place_id, _TRAVEL.c.drive_s, _TRAVEL.c.empty_s
)
_LOTS = select(_PLACES.c.id, _PLACES.c.stalls, _PLACES.c.is_open).where(_PLACES.c.kind == LOT)

Driving = Sequence[Row[*tuple[Any, ...]]]
TravelTimes = Mapping[tuple[str, str], Travel]


def look(session: Session, config: Config, now: datetime) -> Snapshot:
    """The snapshot of this moment."""
    connection = session.connection()
    travel = {
        (origin, to): Travel(drive_s, empty_s)
        for origin, to, drive_s, empty_s in connection.execute(_TRAVEL_TIMES)
    }
    lots = connection.execute(_LOTS).all()
    driving = connection.execute(_DRIVING).all()
    return Snapshot(
        now=now,
        runners=_runners(session, config, driving, travel, now),
        moves=_moves(connection, config, driving, travel, now),
        travel=travel,
        far=_FAR,
        lots_near=_nearest_first(travel, {lot for lot, _, _ in lots}),
        free_stalls=_free_stalls(
            connection, {lot: stalls for lot, stalls, is_open in lots if is_open}
        ),
        handling_s=config.handling_s,
        arrivals={
            move.visit_id: _arrival(move, config, travel, now)
            for move in driving
            if move.kind == states.RETRIEVE
        },
    )


def _nearest_first(travel: TravelTimes, lots: Collection[str]) -> dict[str, list[str]]:
    """See `server.district.lots_nearest_first`."""
    legs = [(times.drive_s, to, origin) for (origin, to), times in travel.items() if to in lots]
    near: dict[str, list[str]] = {}
    for _, to, origin in sorted(legs):
        near.setdefault(origin, []).append(to)
    return near


def _arrival(
    move: Row[*tuple[Any, ...]], config: Config, travel: TravelTimes, now: datetime
) -> datetime:
    drive_s = travel.get((move.from_place_id, move.to_place_id), _FAR).drive_s
    arrival: datetime = move.taken_at + timedelta(seconds=drive_s + config.handling_s)
    return max(now, arrival)


def _runners(
    session: Session, config: Config, driving: Driving, travel: TravelTimes, now: datetime
) -> list[Runner]:
    busy = {move.runner_id: move for move in driving}
    runners = []
    for person_id, place_id in shifts.at_work(session, RUNNER, now, config.shift_forgotten_s):
        move = busy.get(person_id)
        if move is None or move.to_place_id is None:
            runners.append(Runner(person_id, place_id, now))
        else:
            free_at = _arrival(move, config, travel, now)
            runners.append(Runner(person_id, move.to_place_id, free_at))
    return runners


def _moves(
    connection: Connection, config: Config, driving: Driving, travel: TravelTimes, now: datetime
) -> list[WantedMove]:
    under_way = {move.visit_id: move for move in driving}
    moves = []
    for visit in sorted(connection.execute(_WAITING), key=lambda visit: visit.id):
        leg = under_way.get(visit.id)
        arrival = now if leg is None else _arrival(leg, config, travel, now)
        move = _wanted(visit, arrival, config, travel)
        if move is not None:
            moves.append(move)
    return moves


def _wanted(
    visit: Row[*tuple[Any, ...]], arrival: datetime, config: Config, travel: TravelTimes
) -> WantedMove | None:
    """The drive that this car needs next, if it needs one."""
    origin, booth_id = visit.destination_id or visit.place_id, visit.wanted_booth_id
    if booth_id is None:
        known = visit.ready_at or visit.received_at
        return WantedMove(visit.id, states.PARK, origin, None, known, arrival, None)
    if visit.car == states.AT_BOOTH and booth_id == origin:
        return None
    due = visit.wanted_at or visit.made_at
    drive_s = travel.get((origin, booth_id), _FAR).drive_s + config.handling_s
    # A car that is wanted later is fetched so that it stands there a little before its time.
    early = timedelta(seconds=drive_s + config.promise_slack_s)
    release = max(arrival, due - early)
    return WantedMove(visit.id, states.RETRIEVE, origin, booth_id, visit.made_at, release, due)


def _free_stalls(connection: Connection, stalls: dict[str, int]) -> dict[str, int]:
    for place_id, count in connection.execute(_STANDING):
        if place_id in stalls:
            stalls[place_id] -= count
    return stalls
