"""The places as a planner sees them: room at kerbs and in lots, who blocks whom, what is shut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, and_, func, select

from schemas import states
from schemas.district import BOOTH, LOT
from schemas.hours import is_open_at
from server.bulk import table_of
from server.config import Config
from server.dispatch.hours import shut_ahead
from server.dispatch.snapshot import BlockingRow, Booth, Parked, Shut
from server.models import ClosureRow, DistrictRow, PlaceRow, RequestRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN, VISIT_IS_OPEN

# How far ahead closures are looked at: as long as a car can be booked ahead.
SHUT_AHEAD = timedelta(hours=24)

_CLOSURES, _DISTRICTS = table_of(ClosureRow), table_of(DistrictRow)
_PLACES, _REQUESTS, _VISITS = table_of(PlaceRow), table_of(RequestRow), table_of(VisitRow)

_ALL_PLACES = select(
    _PLACES.c.id,
    _PLACES.c.kind,
    _PLACES.c.is_open,
    _PLACES.c.stalls,
    _PLACES.c.hooks,
    _PLACES.c.kerb_spaces,
    _PLACES.c.staging_spaces,
    _PLACES.c.rows,
    _PLACES.c.hours,
    select(_DISTRICTS.c.timezone).scalar_subquery().label("timezone"),
)
_STANDS_AT = func.coalesce(_VISITS.c.destination_id, _VISITS.c.place_id)
_CARS = (
    select(_STANDS_AT, _VISITS.c.car, func.count())
    .where(VISIT_IS_OPEN)
    .group_by(_STANDS_AT, _VISITS.c.car)
)
_IN_STALLS = (
    select(
        _VISITS.c.id,
        _VISITS.c.place_id,
        _VISITS.c.stall,
        _VISITS.c.received_at,
        _VISITS.c.leaves_at,
        _REQUESTS.c.wanted_at,
        _REQUESTS.c.made_at,
    )
    .select_from(
        _VISITS.outerjoin(_REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN))
    )
    .where(VISIT_IS_OPEN, _VISITS.c.car == states.PARKED, _VISITS.c.stall.is_not(None))
)
_SHUT = select(_CLOSURES, select(_DISTRICTS.c.timezone).scalar_subquery().label("timezone")).where(
    _CLOSURES.c.is_active
)

Places = Sequence[Row[*tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Grounds:
    """`lots`: all of them; `free_stalls`: of the open ones; the rest as in `Snapshot`."""

    lots: frozenset[str]
    free_stalls: Mapping[str, int]
    booths: Mapping[str, Booth]
    rows: Mapping[str, Sequence[BlockingRow]]
    shut: Sequence[Shut]


def look_at_places(
    connection: Connection,
    config: Config,
    now: datetime,
    coming: Iterable[tuple[str, datetime]],
) -> Grounds:
    """The places of this moment; `coming`: the booths that cars are being driven to, and when they
    will be there."""
    places = connection.execute(_ALL_PLACES).all()
    cars: dict[str, dict[str, int]] = {}
    for place_id, car, count in connection.execute(_CARS):
        cars.setdefault(place_id, {})[car] = count
    lots = [place for place in places if place.kind == LOT]
    arrive: dict[str, list[datetime]] = {}
    for booth_id, at in coming:
        arrive.setdefault(booth_id, []).append(at)
    leave = now + timedelta(seconds=config.owner_takes_car_s)
    return Grounds(
        lots=frozenset(lot.id for lot in lots),
        free_stalls={
            lot.id: _room(lot.stalls, lot.hooks) - sum(cars.get(lot.id, {}).values())
            for lot in lots
            if is_open_at(lot, now.astimezone(ZoneInfo(lot.timezone)))
        },
        booths={
            place.id: _booth(place, cars.get(place.id, {}), leave, arrive.get(place.id, ()))
            for place in places
            if place.kind == BOOTH
        },
        rows=rows_of(connection, config, lots),
        shut=shut_ahead_of(connection, now),
    )


def _room(stalls: int, hooks: int) -> int:
    """How many cars a lot takes: each has a key that hangs on a hook (0: nobody has counted)."""
    return min(stalls, hooks) if hooks > 0 else stalls


def _booth(
    place: Row[*tuple[Any, ...]],
    cars: Mapping[str, int],
    leave: datetime,
    arrive_at: Sequence[datetime],
) -> Booth:
    ready = cars.get(states.READY, 0)
    return Booth(
        kerb_spaces=place.kerb_spaces,
        hooks=place.hooks,
        standing=cars.get(states.AT_BOOTH, 0) + ready,
        leave_at=(leave,) * ready,
        arrive_at=tuple(arrive_at),
        staging_spaces=place.staging_spaces,
        # Nobody has asked for them, or they are being driven up to the kerb.
        staged=cars.get(states.PARKED, 0) + cars.get(states.TO_LOT, 0),
    )


def rows_of(
    connection: Connection, config: Config, lots: Iterable[Any]
) -> dict[str, list[BlockingRow]]:
    """The rows of the lots that have some, with the cars in them."""
    with_rows = [lot for lot in lots if lot.rows]
    if not with_rows:
        return {}
    parked: dict[str, dict[str, Parked]] = {}
    for car in connection.execute(_IN_STALLS):
        stay = timedelta(seconds=config.stay_s)
        leaves_at = car.wanted_at or car.made_at or car.leaves_at or car.received_at + stay
        parked.setdefault(car.place_id, {})[car.stall] = Parked(car.id, leaves_at)
    return {
        lot.id: [
            BlockingRow(tuple(row), {name: here[name] for name in row if name in here})
            for row in lot.rows
        ]
        for lot in with_rows
        for here in (parked.get(lot.id, {}),)
    }


def shut_ahead_of(connection: Connection, now: datetime) -> list[Shut]:
    """What is shut, or will be within `SHUT_AHEAD`."""
    rows = connection.execute(_SHUT).all()
    if not rows:
        return []
    return list(shut_ahead(rows, ZoneInfo(rows[0].timezone), now, now + SHUT_AHEAD))
