"""What the tables say of past evenings, for the forecast; read anew every few minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import LOT
from server.bulk import table_of
from server.config import Config
from server.database import Database
from server.dispatch.forecast import (
    RUSH_AHEAD,
    Forecast,
    Staying,
    arrival_rates,
    expected,
    hazard,
    rush,
    stageable,
)
from server.dispatch.runners_seen import RESTRICTING_KINDS
from server.dispatch.snapshot import BlockingRow, Snapshot, Stageable
from server.models import PlaceRow, RequestRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN, VISIT_IS_OPEN

WEEKS = 6
FRESH = timedelta(minutes=5)
_WEEK = timedelta(days=7)
_AROUND = timedelta(minutes=15)
_STAYS_MAX = 500
# Who has stayed longer leaves in no rush.
_LONGEST = timedelta(hours=8)

_VISITS, _REQUESTS = table_of(VisitRow), table_of(RequestRow)
_PLACES = table_of(PlaceRow)
_FIRST = select(func.min(_VISITS.c.received_at))
_PAST = select(
    _VISITS.c.received_at,
    select(func.min(_REQUESTS.c.made_at))
    .where(_REQUESTS.c.visit_id == _VISITS.c.id)
    .correlate(_VISITS)
    .scalar_subquery()
    .label("asked_at"),
)
_STAYS = (
    _PAST.where(_VISITS.c.handed_over_at > bindparam("since"))
    .order_by(_VISITS.c.handed_over_at.desc(), _VISITS.c.id)
    .limit(_STAYS_MAX)
)
_STAYING = (
    select(
        _VISITS.c.id,
        _VISITS.c.place_id,
        _VISITS.c.booth_id,
        _VISITS.c.received_at,
        _VISITS.c.handling,
        _VISITS.c.stall,
        or_(_VISITS.c.tag_shared, _VISITS.c.is_grounded).label("is_kept"),
    )
    .select_from(
        _VISITS.outerjoin(
            _REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN)
        ).join(_PLACES, and_(_PLACES.c.id == _VISITS.c.place_id, _PLACES.c.kind == LOT))
    )
    .where(VISIT_IS_OPEN, _VISITS.c.car == states.PARKED, _REQUESTS.c.event_id.is_(None))
    .order_by(_VISITS.c.id)
)


class Forecasts:
    """The forecast of the present hour, read anew when it is older than `FRESH`."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._read: tuple[datetime, Forecast] | None = None

    def at(self, database: Database, config: Config, now: datetime) -> Forecast:
        """The forecast that counts now."""
        if self._read is None or now - self._read[0] >= FRESH:
            found = database.read(lambda session: read_forecast(session, config, now))
            self._read = now, found
        return self._read[1]


def read_forecast(session: Session, config: Config, now: datetime) -> Forecast:
    """The rates of this hour."""
    connection = session.connection()
    asked_per_h = hazard(_stays(connection, now), timedelta(seconds=config.stay_s))
    return Forecast(
        arrivals_per_h=_arrivals(connection, now),
        asked_per_h=asked_per_h,
        rush=_rush(connection, asked_per_h, now),
    )


def with_forecast(
    session: Session, config: Config, snapshot: Snapshot, forecast: Forecast
) -> Snapshot:
    """The snapshot with what this forecast expects of the cars that stand in the lots now: the
    drives that will be wanted, and what may be brought near before it is."""
    rows = session.connection().execute(_STAYING).all()
    now = snapshot.now
    staying = {
        row.id: Staying(
            row.place_id,
            row.booth_id,
            row.received_at,
            row.id,
            RESTRICTING_KINDS.intersection(row.handling),
        )
        for row in rows
    }
    likely: Sequence[Stageable] = ()
    if config.stage_cars and any(booth.staging_spaces for booth in snapshot.booths.values()):
        kept = {row.id for row in rows if row.is_kept or is_blocked(snapshot.rows, row)}
        free = [car for name, car in staying.items() if name not in kept]
        likely = stageable(forecast, free, now, config.stage_chance_percent / 100)
    return replace(
        snapshot,
        expected=expected(forecast, list(staying.values()), snapshot.lots_near, now),
        stageable=[*_still_given(snapshot, likely), *likely],
    )


def _still_given(snapshot: Snapshot, likely: Sequence[Stageable]) -> Iterator[Stageable]:
    """Cars that somebody is to bring near already, and that are no longer likely enough to begin
    with."""
    known = {car.visit_id for car in likely}
    yield from (car for car in snapshot.stageable if car.visit_id not in known)


class Standing(Protocol):
    """A car in a lot, as far as its stall goes."""

    @property
    def place_id(self) -> str:
        """The lot."""

    @property
    def stall(self) -> str | None:
        """Where in it, if anybody said."""


def is_blocked(rows: Mapping[str, Sequence[BlockingRow]], car: Standing) -> bool:
    """Whether other cars would have to be moved for this one."""
    stall = car.stall or ""
    lanes = rows.get(car.place_id, ())
    return any(stall in lane.stalls and lane.in_front_of(stall) for lane in lanes)


def _arrivals(connection: Connection, now: datetime) -> dict[str, float]:
    """The last half hour counts as one more evening beside those of the past weeks."""
    first = connection.scalar(_FIRST)
    if first is None:
        return {}
    weeks = min(WEEKS, (now - first) // _WEEK)
    moments = [now - _AROUND, *(now - _WEEK * number for number in range(1, weeks + 1))]
    windows = [
        _VISITS.c.received_at.between(moment - _AROUND, moment + _AROUND) for moment in moments
    ]
    counted = select(_VISITS.c.booth_id, func.count()).where(or_(*windows))
    rows = connection.execute(counted.group_by(_VISITS.c.booth_id))
    counts = {booth: count for booth, count in rows}  # noqa: C416 - rows are no pairs to mypy
    return arrival_rates(counts, len(moments), 2 * _AROUND)


def _rush(connection: Connection, asked_per_h: Sequence[float], now: datetime) -> float:
    """Of the same weekday in past weeks, and of the half hour before this one today."""
    moments = [now - RUSH_AHEAD, *(now - _WEEK * number for number in range(1, WEEKS + 1))]
    there = [
        _VISITS.c.received_at.between(moment - _LONGEST, moment + RUSH_AHEAD) for moment in moments
    ]
    rows = connection.execute(_PAST.where(or_(*there)).order_by(_VISITS.c.id))
    stays = [(row.received_at, row.asked_at or now) for row in rows]
    return rush(stays, moments, asked_per_h)


def _stays(connection: Connection, now: datetime) -> list[timedelta]:
    rows = connection.execute(_STAYS, {"since": now - WEEKS * _WEEK})
    return [row.asked_at - row.received_at for row in rows if row.asked_at is not None]
