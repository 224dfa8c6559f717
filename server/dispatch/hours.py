"""Times of day as windows of time: breaks and closures of the next hours, in a district's zone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.dispatch.snapshot import Shut, Window

_DAY = timedelta(days=1)
EVERY_DAY = range(7)


def windows_ahead(
    zone: ZoneInfo,
    now: datetime,
    until: datetime,
    times: tuple[str, str],
    weekdays: Collection[int] = EVERY_DAY,
) -> Iterator[Window]:
    """The windows between two times of day (`HH:MM`, local) that are not over and begin before
    `until`, on days that begin on one of `weekdays`."""
    first = now.astimezone(zone).date() - _DAY
    last = until.astimezone(zone).date()
    for day in (first + _DAY * number for number in range((last - first).days + 1)):
        if day.weekday() not in weekdays:
            continue
        from_at, until_at = _at(zone, day, times[0]), _at(zone, day, times[1])
        if until_at <= from_at:
            until_at = _at(zone, day + _DAY, times[1])
        if until_at > now and from_at < until:
            yield Window(from_at, until_at)


def shut_ahead(
    closures: Iterable[Any], zone: ZoneInfo, now: datetime, until: datetime
) -> Iterator[Shut]:
    """What is shut, or will be before `until`, of rows of closures."""
    for row in closures:
        leg = None if row.from_place_id is None else (row.from_place_id, row.to_place_id)
        if row.weekdays:
            times = row.from_time, row.until_time
            windows = list(windows_ahead(zone, now, until, times, row.weekdays))
        elif row.until_at > now and row.from_at < until:
            windows = [Window(row.from_at, row.until_at)]
        else:
            windows = []
        yield from (Shut(window, row.place_id, leg) for window in windows)


def _at(zone: ZoneInfo, day: date, text: str) -> datetime:
    # In UTC: two times of one zone would be compared by the clock on the wall.
    return datetime.combine(day, time.fromisoformat(text), zone).astimezone(UTC)
