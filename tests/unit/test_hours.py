"""When a place is open: by its week, past midnight, and not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from marshmallow import ValidationError

from schemas.hours import (
    PANAMA,
    Hours,
    HoursSchema,
    closes_at,
    hours_of,
    is_open_at,
    opens_at,
)

WEEKEND = Hours((4, 5), "18:00", "02:00")
DAILY = Hours(tuple(range(7)), "00:00", "00:00")


@dataclass(frozen=True)
class Place:
    """As much of a place as has hours."""

    hours: tuple[Hours, ...] = ()
    is_open: bool = True


def at(text: str) -> datetime:
    """A local time; 20 November 2026 is a Friday."""
    return datetime.fromisoformat(text).replace(tzinfo=PANAMA)


@pytest.mark.parametrize(
    ("time", "is_open"),
    [
        ("2026-11-20T17:59", False),
        ("2026-11-20T18:00", True),
        ("2026-11-21T01:59", True),
        ("2026-11-21T02:00", False),
        # Saturday's night goes on into Sunday, but Sunday has none of its own.
        ("2026-11-22T01:00", True),
        ("2026-11-22T18:30", False),
    ],
)
def test_a_night_belongs_to_the_evening_on_which_it_began(time: str, is_open: bool) -> None:
    assert is_open_at(Place((WEEKEND,)), at(time)) is is_open


def test_a_place_without_hours_is_open_unless_it_is_closed() -> None:
    assert is_open_at(Place(), at("2026-11-22T04:00"))
    assert opens_at(Place(), at("2026-11-22T04:00")) == at("2026-11-22T04:00")
    assert closes_at(Place(), at("2026-11-22T04:00")) is None
    assert not is_open_at(Place(is_open=False), at("2026-11-22T04:00"))
    assert opens_at(Place((WEEKEND,), is_open=False), at("2026-11-22T04:00")) is None


def test_it_says_when_it_opens_next_and_when_it_closes() -> None:
    place = Place((WEEKEND, Hours((6,), "02:00", "04:00")))

    assert opens_at(place, at("2026-11-22T04:00")) == at("2026-11-27T18:00")
    assert opens_at(place, at("2026-11-21T12:00")) == at("2026-11-21T18:00")
    # What follows without a gap is one opening.
    assert closes_at(place, at("2026-11-21T20:00")) == at("2026-11-22T04:00")
    assert closes_at(place, at("2026-11-21T12:00")) is None
    assert closes_at(Place((DAILY,)), at("2026-11-21T12:00")) is None


def test_the_clock_on_the_wall_counts_where_there_is_summer_time() -> None:
    zone = ZoneInfo("America/New_York")
    place = Place((Hours((5, 6), "22:00", "06:00"),))
    # The night of 31 October 2026 has 25 hours there.
    before = datetime(2026, 11, 1, 5, 30, tzinfo=UTC).astimezone(zone)

    closing = closes_at(place, before)

    assert closing is not None
    assert closing.astimezone(UTC) == datetime(2026, 11, 1, 11, 0, tzinfo=UTC)
    assert is_open_at(place, before + timedelta(hours=1))


@pytest.mark.parametrize(
    "document",
    [
        {"weekdays": [], "from_time": "18:00", "until_time": "02:00"},
        {"weekdays": [7], "from_time": "18:00", "until_time": "02:00"},
        {"weekdays": [1, 1], "from_time": "18:00", "until_time": "02:00"},
        {"weekdays": [1], "from_time": "24:00", "until_time": "02:00"},
        {"weekdays": [1], "from_time": "18:00", "until_time": ""},
    ],
)
def test_hours_that_cannot_be_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HoursSchema().load(document)


def test_hours_are_the_same_after_they_were_written_down() -> None:
    written = [{"weekdays": [4, 5], "from_time": "18:00", "until_time": "02:00"}]

    assert hours_of(written) == (WEEKEND,)
    assert HoursSchema().load(written[0]) == WEEKEND
