"""The district's days and hours as whole numbers, which every database counts alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour of a district day: `day` is the ordinal of its date, `hour` the local hour."""

    day: int
    hour: int
    number: int
    """How many such hours came before it: 24 for each day, and those since the day began."""


@dataclass(frozen=True)
class DistrictTime:
    """A time zone, and the local hour at which a day begins."""

    zone: ZoneInfo
    starts_hour: int

    def slot(self, at: datetime) -> Slot:
        """The hour that a time lies in; a night belongs to the evening on which it began."""
        return _slot(self.zone, self.starts_hour, at)


@lru_cache(maxsize=4096)
def _slot(zone: ZoneInfo, starts_hour: int, at: datetime) -> Slot:
    local = at.astimezone(zone)
    day = (local - timedelta(hours=starts_hour)).toordinal()
    return Slot(day, local.hour, 24 * day + (local.hour - starts_hour) % 24)


def seconds(since: datetime | None, until: datetime | None) -> int | None:
    """Whole seconds between two times, None where one is not known. Never less than 0: the clocks
    of two stations may disagree a little."""
    if since is None or until is None:
        return None
    return max(0, (until - since) // _SECOND)
