"""The district as a planner sees it: a snapshot out of the tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select
from sqlalchemy.orm import Session

from schemas import states
from server import promises
from server.bulk import table_of
from server.config import Config
from server.dispatch.given_moves import Given, given_moves
from server.dispatch.grounds import look_at_places
from server.dispatch.runners_seen import (
    FAR,
    RESTRICTING_KINDS,
    TravelTimes,
    riding_rules,
    runners_seen,
)
from server.dispatch.snapshot import Snapshot, Stageable, WantedMove
from server.leg_times import travel_times
from server.models import RequestRow, VisitRow
from server.one_of import one_of
from server.visit_rows import OPEN, REQUEST_IS_OPEN, TAKEN, VISIT_IS_OPEN

_REQUESTS, _VISITS = table_of(RequestRow), table_of(VisitRow)

_WAITING = (
    select(
        _VISITS.c.id,
        _VISITS.c.car,
        _VISITS.c.place_id,
        _VISITS.c.destination_id,
        _VISITS.c.stall,
        _VISITS.c.handling,
        _VISITS.c.leaves_at,
        _VISITS.c.received_at,
        _VISITS.c.ready_at,
        _REQUESTS.c.booth_id.label("wanted_booth_id"),
        _REQUESTS.c.wanted_at,
        _REQUESTS.c.made_at,
        promises.told_by(_REQUESTS).label("promised_by"),
    )
    .select_from(
        _VISITS.outerjoin(_REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN))
    )
    .where(VISIT_IS_OPEN, ~_VISITS.c.tag_shared, ~_VISITS.c.is_grounded)
    .where(
        or_(
            _VISITS.c.state.in_((states.AT_BOOTH, states.REQUESTED)),
            (_VISITS.c.state == states.TO_LOT) & _REQUESTS.c.event_id.is_not(None),
        )
    )
)


_STAGEABLE = (
    select(_VISITS.c.id, _VISITS.c.place_id, _VISITS.c.booth_id, _VISITS.c.handling)
    .select_from(
        _VISITS.outerjoin(_REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN))
    )
    .where(one_of(_VISITS.c.id, "ids"), VISIT_IS_OPEN, _VISITS.c.car == states.PARKED)
    .where(~_VISITS.c.tag_shared, ~_VISITS.c.is_grounded, _REQUESTS.c.event_id.is_(None))
)


def look(
    session: Session,
    config: Config,
    now: datetime,
    standing: Mapping[str, Sequence[str]] | None = None,
    given: Given | None = None,
    rides: Mapping[str, str] | None = None,
) -> Snapshot:
    """The snapshot of this moment; `standing`, `rides`: another plan than the one in force to go on
    from; `given`: the moves as they are, if somebody has read them. Of the cars that may be brought
    near only those that somebody is to bring are in it."""
    connection = session.connection()
    travel = travel_times(connection)
    given = given_moves(connection) if given is None else given
    driving = [move for move in given if move.state == TAKEN]
    arrivals = {move.visit_id: _arrival(move, config, travel, now) for move in driving}
    coming = [
        (move.to_place_id, arrivals[move.visit_id])
        for move in driving
        if move.kind == states.RETRIEVE
    ]
    grounds = look_at_places(connection, config, now, coming)
    near = _nearest_first(travel, grounds.lots)
    wanted = NextDrive(config, travel, near, now)
    waiting = sorted(connection.execute(_WAITING), key=lambda visit: visit.id)
    moves = (wanted.move(visit, arrivals.get(visit.id, now)) for visit in waiting)
    standing = _standing(given) if standing is None else standing
    waiting_ids = {visit.id for visit in waiting}
    return Snapshot(
        now=now,
        runners=runners_seen(connection, config, given, arrivals, travel, now),
        moves=[move for move in moves if move is not None],
        travel=travel,
        far=FAR,
        lots_near=near,
        free_stalls=grounds.free_stalls,
        handling_s=config.handling_s,
        arrivals={
            move.visit_id: arrivals[move.visit_id]
            for move in driving
            if move.to_place_id in grounds.booths
        },
        booths=grounds.booths,
        rows=grounds.rows,
        shut=grounds.shut,
        standing=standing,
        shuffle_s=config.shuffle_s,
        divert_s=config.divert_s,
        stageable=_being_staged(connection, config, grounds.lots, standing, waiting_ids),
        spare_runners=config.stage_spare_runners,
        riding=riding_rules(config),
        rides=_told_to_ride(given) if rides is None else rides,
    )


def _being_staged(
    connection: Connection,
    config: Config,
    lots: Collection[str],
    standing: Mapping[str, Sequence[str]],
    wanted: Collection[str],
) -> list[Stageable]:
    """The cars of a plan that nobody has asked for: they are to be brought near."""
    ids = [id for route in standing.values() for id in route if id not in wanted]
    if not ids or not config.stage_cars:
        return []
    return [
        Stageable(
            visit_id=row.id,
            lot_id=row.place_id,
            booth_id=row.booth_id,
            chance=1.0,
            needs=RESTRICTING_KINDS.intersection(row.handling),
        )
        for row in connection.execute(_STAGEABLE.order_by(_VISITS.c.id), {"ids": ids})
        if row.place_id in lots
    ]


def _nearest_first(travel: TravelTimes, lots: Collection[str]) -> dict[str, list[str]]:
    """See `server.district.lots_nearest_first`."""
    legs = [(times.drive_s, to, origin) for (origin, to), times in travel.items() if to in lots]
    near: dict[str, list[str]] = {}
    for _, to, origin in sorted(legs):
        near.setdefault(origin, []).append(to)
    return near


def _standing(given: Given) -> dict[str, list[str]]:
    """The plan in force: per runner the cars that are still to be driven, in order."""
    planned = [
        (move.planned_start_at, move.visit_id, move.runner_id)
        for move in given
        if move.state == OPEN and move.runner_id is not None and move.planned_start_at is not None
    ]
    standing: dict[str, list[str]] = {}
    for _, visit_id, runner_id in sorted(planned):
        standing.setdefault(runner_id, []).append(visit_id)
    return standing


def _told_to_ride(given: Given) -> dict[str, str]:
    """Who was told to go along: per runner the car that is to leave first."""
    told = [
        (move.departs_at, move.visit_id, name)
        for move in given
        if move.state == OPEN and move.departs_at is not None
        for name in move.passengers or ()
    ]
    rides: dict[str, str] = {}
    for _, visit_id, name in sorted(told):
        rides.setdefault(name, visit_id)
    return rides


def _arrival(
    move: Row[*tuple[Any, ...]], config: Config, travel: TravelTimes, now: datetime
) -> datetime:
    drive_s = travel.get((move.from_place_id, move.to_place_id), FAR).drive_s
    arrival: datetime = move.taken_at + timedelta(seconds=drive_s + config.handling_s)
    return max(now, arrival)


@dataclass(frozen=True, slots=True)
class NextDrive:
    """Says of a car which drive it needs next."""

    config: Config
    travel: TravelTimes
    near: Mapping[str, Sequence[str]]
    now: datetime

    def move(self, visit: Row[*tuple[Any, ...]], arrival: datetime) -> WantedMove | None:
        """The drive that this car needs next, if it needs one; `arrival`: when one under way
        ends."""
        origin, booth_id = visit.destination_id or visit.place_id, visit.wanted_booth_id
        if booth_id is None:
            return self._park(visit, origin, arrival)
        due = visit.wanted_at or visit.made_at
        # A car that is wanted later is fetched so that it stands there a little before its time.
        early = self._drive(origin, booth_id) + timedelta(seconds=self.config.promise_slack_s)
        is_much_later = due - early - self._out_and_back(origin, booth_id) > self.now
        if visit.car == states.AT_BOOTH and is_much_later:
            return replace(self._park(visit, origin, arrival), wanted_back=(booth_id, due))
        if booth_id == origin:
            # It stands there, or is being brought near.
            return None
        return WantedMove(
            visit_id=visit.id,
            kind=states.RETRIEVE,
            from_place_id=origin,
            to_place_id=booth_id,
            known_at=visit.made_at,
            release_at=max(arrival, due - early),
            due_at=due,
            needs=RESTRICTING_KINDS.intersection(visit.handling),
            promised_by=visit.promised_by,
            stall=visit.stall,
        )

    def _park(self, visit: Row[*tuple[Any, ...]], origin: str, arrival: datetime) -> WantedMove:
        known = visit.ready_at or visit.received_at
        stay = timedelta(seconds=self.config.stay_s)
        return WantedMove(
            visit_id=visit.id,
            kind=states.PARK,
            from_place_id=origin,
            to_place_id=None,
            known_at=known,
            release_at=arrival,
            due_at=None,
            needs=RESTRICTING_KINDS.intersection(visit.handling),
            leaves_at=visit.wanted_at or visit.leaves_at or visit.received_at + stay,
        )

    def _drive(self, origin: str, to: str) -> timedelta:
        drive_s = 0 if origin == to else self.travel.get((origin, to), FAR).drive_s
        return timedelta(seconds=drive_s + self.config.handling_s)

    def _out_and_back(self, origin: str, booth_id: str) -> timedelta:
        """To the nearest lot and from there to the booth."""
        lots = self.near.get(origin, ())
        return min(
            (self._drive(origin, lot) + self._drive(lot, booth_id) for lot in lots),
            default=timedelta(days=365),
        )
