"""Keeping the figures up to date: the worker takes a bounded batch of new events at a time.

The cursor is the district's version, never a clock: every event that is new, or dated anew, has a
version behind the cursor, however old the day is that it tells of. What it is about is made anew
as a whole, so a batch that is done twice gives the same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.database import Database, insert_missing
from server.district import current_version
from server.figures import new_events, of_places, of_visits, of_work, shared_tags
from server.figures.district_time import DistrictTime
from server.models import (
    DriveFigureRow,
    FigureStateRow,
    HeldFigureRow,
    IncidentFigureRow,
    KeyCheckFigureRow,
    RequestFigureRow,
    ShiftFigureRow,
    StandFigureRow,
    StationFigureRow,
    VisitFigureRow,
    WorkFigureRow,
)
from server.reports.day import zone_of

_ID = "figures"
_STATES = table_of(FigureStateRow)
_TABLES = tuple(
    map(
        table_of,
        (
            *(VisitFigureRow, StandFigureRow, HeldFigureRow, IncidentFigureRow, RequestFigureRow),
            *(DriveFigureRow, ShiftFigureRow, WorkFigureRow, KeyCheckFigureRow, StationFigureRow),
        ),
    )
)


class _NotOurs(Exception):
    """Rolls back a batch that another worker has taken."""


@dataclass(frozen=True, slots=True)
class _State:
    """What `figure_states` says."""

    upto_version: int
    upto_at: datetime | None
    timezone: str
    day_starts_hour: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows that follow from some versions of the district, from the state `since` on."""

    since: _State
    upto_version: int
    upto_at: datetime | None
    visit_ids: Collection[str]
    visits: of_visits.VisitRows
    shifts: Sequence[dict[str, Any]]
    checks: Sequence[dict[str, Any]]
    stations: Sequence[dict[str, Any]]


def keep(database: Database, config: Config) -> bool:
    """Count one batch of what is new; False when there was nothing, or somebody else did it.

    Read on a snapshot and written in a transaction of its own, for which no station waits.
    """
    batch = database.read(lambda session: _read(session, config))
    if batch is None:
        return False
    try:
        # A power cut takes rows and cursor back together: they are counted again.
        database.note(lambda session: _write(session, batch))
    except _NotOurs:
        return False
    return True


def keep_up(database: Database, config: Config) -> int:
    """Count batch after batch until nothing is new; how many there were."""
    batches = 0
    while keep(database, config):
        batches += 1
    return batches


def forget(session: Session) -> None:
    """Throw all figures away: the next `keep` makes them again."""
    for table in (*_TABLES, _STATES):
        session.execute(delete(table))


def _read(session: Session, config: Config) -> _Batch | None:
    """What is new since the state; None if nothing is. Figures whose days began at another hour are
    begun anew."""
    zone, version = zone_of(session), current_version(session)
    state = _state(session)
    own = (zone.key, config.day_starts_hour)
    if state is None or (state.timezone, state.day_starts_hour) != own:
        state = _State(0, None, *own)
    if state.upto_version >= version:
        return None
    connection = session.connection()
    time = DistrictTime(ZoneInfo(zone.key), config.day_starts_hour)
    found, upto = new_events.read(
        connection, state.upto_version, version, config.figures_events_max
    )
    if not found and upto == version:
        # The version rises with every plan, too.
        return None
    told = {each.visit_id for each in found if each.visit_id is not None}
    visit_ids = sorted(told | shared_tags.touched(connection, told))
    newest = [each.received_at for each in found]
    return _Batch(
        since=state,
        upto_version=upto,
        upto_at=max([*newest, *([] if state.upto_at is None else [state.upto_at])], default=None),
        visit_ids=visit_ids,
        visits=of_visits.read(connection, time, visit_ids),
        shifts=of_work.read_shifts(time, found),
        checks=of_places.read_checks(time, found),
        stations=of_places.read_stations(connection, time, config.station_silent_s, found),
    )


def _state(session: Session) -> _State | None:
    row = session.connection().execute(_STATE).one_or_none()
    return None if row is None else _State(*row)


_STATE = select(
    *(_STATES.c[name] for name in ("upto_version", "upto_at", "timezone", "day_starts_hour"))
)


def _write(session: Session, batch: _Batch) -> None:
    connection = session.connection()
    _claim(session, batch)
    days = of_visits.days_driven(connection, batch.visit_ids) | batch.visits.days
    of_visits.write(connection, batch.visit_ids, batch.visits)
    days |= of_work.write_shifts(connection, batch.shifts)
    of_work.write_days(connection, days)
    of_places.write_checks(connection, batch.checks)
    of_places.write_stations(connection, batch.stations)


def _claim(session: Session, batch: _Batch) -> None:
    """Move the cursor on, unless somebody else has. Raises `_NotOurs`."""
    since = batch.since
    values = {
        "upto_version": batch.upto_version,
        "upto_at": batch.upto_at,
        "timezone": since.timezone,
        "day_starts_hour": since.day_starts_hour,
    }
    if since.upto_version == 0:
        # Begun anew: nothing of before counts.
        forget(session)
        if not insert_missing(session, FigureStateRow, id=_ID, **values):
            raise _NotOurs
        return
    moved = session.execute(
        update(_STATES)
        .where(
            _STATES.c.upto_version == since.upto_version,
            _STATES.c.day_starts_hour == since.day_starts_hour,
            _STATES.c.timezone == since.timezone,
        )
        .values(values)
        .returning(_STATES.c.id)
    )
    if moved.first() is None:
        raise _NotOurs
