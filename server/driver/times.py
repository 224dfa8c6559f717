"""The times at which a driver may ask for the car: offered in the form, read from it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.problems import Refusal

NOW = "now"
LATER = "later"
"""The driver will say when: no request yet, only a booth to think of."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
# A time that has just passed was picked on an old page: it does not mean tomorrow.
_PAST = timedelta(hours=4)
_GRACE = timedelta(minutes=1)
_FIRST_AFTER = timedelta(minutes=15)
# Steps get coarser: nobody plans the far end of a night to the quarter of an hour.
_STEPS = ((120, 15), (360, 30), (720, 60))


def read_time(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant that `HH:MM` means today or tonight; None for `now`.

    Raises `Refusal("bad_time")` for anything else and for a time that has passed.
    """
    if text == NOW:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise Refusal("bad_time")
    local = now.astimezone(zone)
    wanted = local.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    if wanted < local - _PAST:
        wanted += timedelta(days=1)
    elif wanted > local + timedelta(days=1) - _PAST:
        wanted -= timedelta(days=1)
    if wanted < local - _GRACE:
        raise Refusal("bad_time")
    return wanted.astimezone(now.tzinfo)


def field_of(at: datetime | None, zone: ZoneInfo) -> str:
    """How the form names a time: `now` or local `HH:MM`."""
    return NOW if at is None else f"{at.astimezone(zone):%H:%M}"


def offered(now: datetime, zone: ZoneInfo, lead_s_max: int) -> Iterator[datetime]:
    """Round local times from a quarter of an hour on, for half a day at most."""
    first = now + _FIRST_AFTER
    horizon = min(timedelta(minutes=_STEPS[-1][0]), timedelta(seconds=lead_s_max))
    at = first.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    while at <= now + horizon:
        step_min = next(step for upto, step in _STEPS if at - now <= timedelta(minutes=upto))
        if at >= first and at.minute % step_min == 0:
            yield at.astimezone(now.tzinfo)
        at += timedelta(minutes=15)
