"""When a place is open, week by week, by the district's local time.

Everybody who asks whether a place is open asks here: the cloud, the driver's page, a station that
is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any, Protocol

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

# What a station goes by, which has no other word for its zone. Panama has no summer time.
PANAMA = timezone(timedelta(hours=-5), "America/Panama")

_DAY = timedelta(days=1)
_TIME = validate.Regexp(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z", error="write it as HH:MM")
# Windows that follow each other without a gap for so long have no end worth telling.
_AHEAD_DAYS = 8

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on each of `weekdays` (0 is Monday) from `from_time` until `until_time` (`HH:MM`,
    local). Past midnight if that is not later; those hours belong to the evening's weekday."""

    weekdays: tuple[int, ...]
    from_time: str
    until_time: str


class HasHours(Protocol):
    """A place, or the row of one: no hours at all means always. `is_open` false means never."""

    @property
    def is_open(self) -> bool: ...
    @property
    def hours(self) -> Sequence[Hours]: ...


class HoursSchema(Schema):
    """See `Hours`."""

    class Meta:
        unknown = RAISE

    weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, 6)),
        required=True,
        validate=validate.Length(1, 7),
    )
    from_time = fields.String(required=True, validate=_TIME)
    until_time = fields.String(required=True, validate=_TIME)

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Hours:
        days = tuple(sorted(set(data["weekdays"])))
        if len(days) != len(data["weekdays"]):
            raise ValidationError("a weekday twice", "weekdays")
        return Hours(days, data["from_time"], data["until_time"])


def is_open_at(place: HasHours, local: datetime) -> bool:
    """Whether the place is open at `local`, a time in the district's zone."""
    if not place.is_open:
        return False
    return not place.hours or any(start <= local < end for start, end in _windows(place, local))


def opens_at(place: HasHours, local: datetime) -> datetime | None:
    """When the place opens next: `local` itself while it is open, None if it never does."""
    if is_open_at(place, local):
        return local
    if not place.is_open:
        return None
    return min((start for start, _ in _windows(place, local) if start > local), default=None)


def closes_at(place: HasHours, local: datetime) -> datetime | None:
    """When a place that is open closes; None for one that is closed, and for one that does not
    close within a week."""
    if not place.hours or not is_open_at(place, local):
        return None
    end = local
    for start, until in sorted(_windows(place, local), key=_instants):
        if start <= end < until:
            end = until
    return end if end - local < _DAY * (_AHEAD_DAYS - 1) else None


def hours_of(documents: Sequence[dict[str, Any]]) -> tuple[Hours, ...]:
    """Hours as they were written to JSON, read back."""
    return tuple(
        Hours(tuple(each["weekdays"]), each["from_time"], each["until_time"]) for each in documents
    )


def _windows(place: HasHours, local: datetime) -> Iterator[Window]:
    """The windows that began yesterday or begin within a week. Compared as instants: two times of
    one zone would be compared by the clock on the wall."""
    for number in range(-1, _AHEAD_DAYS):
        day = local.date() + _DAY * number
        for each in place.hours:
            if day.weekday() not in each.weekdays:
                continue
            begin, end = (time.fromisoformat(at) for at in (each.from_time, each.until_time))
            last = day + _DAY if end <= begin else day
            yield (
                datetime.combine(day, begin, local.tzinfo),
                datetime.combine(last, end, local.tzinfo),
            )


def _instants(window: Window) -> Window:
    start, end = window
    return start.astimezone(UTC), end.astimezone(UTC)
