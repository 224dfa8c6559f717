"""The stations as a manager sees them: heard of, silent, or holding events back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import PlaceRow, StationRow
from server.reports.day import Day


@dataclass(frozen=True, slots=True)
class StationLine:
    """One station. `depth`: events it had not sent when it was last heard of.

    `is_cloned`: two machines use its key. `is_silent`: not heard of for longer than
    `station_silent_s`; `may_miss`: events of the reported day may still be there and not here.
    """

    id: str
    place_id: str
    place_name: str
    seen_at: datetime | None
    depth: int
    version: str
    is_revoked: bool
    is_cloned: bool
    is_silent: bool
    may_miss: bool


def station_lines(
    session: Session, config: Config, day: Day, now: datetime
) -> Sequence[StationLine]:
    """All stations by the name of their place."""
    grace = timedelta(seconds=config.station_silent_s)
    rows = session.execute(
        select(StationRow, PlaceRow.name)
        .outerjoin(PlaceRow, PlaceRow.id == StationRow.place_id)
        .order_by(PlaceRow.name, StationRow.id)
    )
    return [_line(station, name or station.place_id, day, now, grace) for station, name in rows]


def _line(
    station: StationRow, place_name: str, day: Day, now: datetime, grace: timedelta
) -> StationLine:
    seen_at = station.seen_at
    told_all = seen_at is not None and seen_at >= day.upto(now) - grace and station.depth == 0
    return StationLine(
        id=station.id,
        place_id=station.place_id,
        place_name=place_name,
        seen_at=seen_at,
        depth=station.depth,
        version=station.version,
        is_revoked=station.is_revoked,
        is_cloned=station.cloned_at is not None,
        is_silent=not station.is_revoked and (seen_at is None or seen_at < now - grace),
        may_miss=not told_all and station.enrolled_at < day.upto(now),
    )
