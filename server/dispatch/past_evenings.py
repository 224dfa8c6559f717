"""What the tables say of past evenings, for the forecast; read anew every few minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from schemas import states
from server.bulk import table_of
from server.config import Config
from server.database import Database
from server.dispatch.forecast import Forecast, Staying, arrival_rates, expected, hazard
from server.dispatch.snapshot import Expected
from server.models import RequestRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN, VISIT_IS_OPEN

WEEKS = 6
FRESH = timedelta(minutes=5)
_WEEK = timedelta(days=7)
_AROUND = timedelta(minutes=15)
_STAYS_MAX = 500

_VISITS, _REQUESTS = table_of(VisitRow), table_of(RequestRow)
_FIRST = select(func.min(_VISITS.c.received_at))
_STAYS = (
    select(
        _VISITS.c.received_at,
        select(func.min(_REQUESTS.c.made_at))
        .where(_REQUESTS.c.visit_id == _VISITS.c.id)
        .correlate(_VISITS)
        .scalar_subquery()
        .label("asked_at"),
    )
    .where(_VISITS.c.handed_over_at > bindparam("since"))
    .order_by(_VISITS.c.handed_over_at.desc(), _VISITS.c.id)
    .limit(_STAYS_MAX)
)
_STAYING = (
    select(_VISITS.c.place_id, _VISITS.c.booth_id, _VISITS.c.received_at)
    .select_from(
        _VISITS.outerjoin(_REQUESTS, and_(_REQUESTS.c.visit_id == _VISITS.c.id, REQUEST_IS_OPEN))
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
    return Forecast(
        arrivals_per_h=_arrivals(connection, now),
        asked_per_h=hazard(_stays(connection, now), timedelta(seconds=config.stay_s)),
    )


def expected_now(
    session: Session, forecast: Forecast, lots_near: Mapping[str, Sequence[str]], now: datetime
) -> list[Expected]:
    """The drives that this forecast expects, with the cars that stand in the lots now."""
    rows = session.connection().execute(_STAYING)
    staying = [Staying(row.place_id, row.booth_id, row.received_at) for row in rows]
    return expected(forecast, staying, lots_near, now)


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


def _stays(connection: Connection, now: datetime) -> list[timedelta]:
    rows = connection.execute(_STAYS, {"since": now - WEEKS * _WEEK})
    return [row.asked_at - row.received_at for row in rows if row.asked_at is not None]
