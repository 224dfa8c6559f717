"""Until when a place or a way is shut: the same rule for a station that is cut off and the cloud.

A closure is once, or week by week by the district's local time (`schemas.district.Closure`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.district import Closure
from schemas.hours import Hours, closes_at


@dataclass(frozen=True, slots=True)
class _Weekly:
    """A weekly closure, asked like opening hours."""

    hours: tuple[Hours, ...]
    is_open: bool = True


def shut_until(closure: Closure, local: datetime) -> datetime | None:
    """When what is shut at `local`, a time in the district's zone, opens again; None if it is not
    shut then."""
    if not closure.is_active:
        return None
    if closure.from_at is not None and closure.until_at is not None:
        is_shut = closure.from_at <= local < closure.until_at
        return closure.until_at if is_shut else None
    if not closure.weekdays or closure.from_time is None or closure.until_time is None:
        return None
    hours = Hours(closure.weekdays, closure.from_time, closure.until_time)
    return closes_at(_Weekly((hours,)), local)
