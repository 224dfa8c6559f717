"""The district's day: a night belongs to the evening on which it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.models import DistrictRow

_PANAMA = "America/Panama"
_YEAR_MIN, _YEAR_MAX = 2000, 2200


@dataclass(frozen=True, slots=True)
class Day:
    """From `start` up to, not including, `end` (aware UTC); `date` is that of its start."""

    date: date
    start: datetime
    end: datetime
    zone: ZoneInfo

    def holds(self, at: datetime | None) -> bool:
        """Whether a time lies in this day; one that never came lies in none."""
        return at is not None and self.start <= at < self.end

    def upto(self, now: datetime) -> datetime:
        """The end of what can be told of this day: its own end, or now while it lasts."""
        return min(self.end, now)


def day_of(chosen: date, zone: ZoneInfo, starts_hour: int) -> Day:
    """The day that begins at `starts_hour`, local time, of a date."""
    start, end = (
        datetime(each.year, each.month, each.day, starts_hour, tzinfo=zone).astimezone(UTC)
        for each in (chosen, chosen + timedelta(days=1))
    )
    return Day(chosen, start, end, zone)


def day_at(now: datetime, zone: ZoneInfo, starts_hour: int) -> Day:
    """The day that `now` lies in."""
    return day_of((now.astimezone(zone) - timedelta(hours=starts_hour)).date(), zone, starts_hour)


def parse_date(text: str) -> date:
    """A date written YYYY-MM-DD; `Refusal("bad_time")` for anything else."""
    try:
        chosen = date.fromisoformat(text)
    except ValueError:
        raise Refusal("bad_time") from None
    if not _YEAR_MIN <= chosen.year < _YEAR_MAX:
        raise Refusal("bad_time")
    return chosen


def zone_of(session: Session) -> ZoneInfo:
    """The district's time zone; Panama's before a district was loaded."""
    name = session.scalar(select(DistrictRow.timezone)) or _PANAMA
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        raise Refusal("bad_district", detail=f"timezone: {name} is not known here") from None
