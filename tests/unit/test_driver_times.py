"""The times a driver may ask for: what is offered, and what a choice on the page means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.problems import Refusal
from server.driver.times import field_of, offered, read_time

PANAMA = ZoneInfo("America/Panama")
# 10:00 p. m. in Panama.
TEN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("when", ["", "later", "24:00", "7:30", "22:30:00", "22:3０", "21:45"])
def test_a_time_that_cannot_be_meant_is_refused(when: str) -> None:
    with pytest.raises(Refusal, match="bad_time"):
        read_time(when, TEN, PANAMA)


@pytest.mark.parametrize(
    ("when", "ahead_min"),
    [("22:00", 0), ("22:01", 1), ("23:59", 119), ("00:00", 120), ("01:30", 210), ("17:59", 1199)],
)
def test_a_time_is_the_next_one_on_the_districts_clock(when: str, ahead_min: int) -> None:
    assert read_time(when, TEN, PANAMA) == TEN + timedelta(minutes=ahead_min)


def test_now_is_no_time() -> None:
    assert read_time("now", TEN, PANAMA) is None
    assert field_of(None, PANAMA) == "now"


def test_offered_times_are_round_get_coarser_and_can_all_be_read_again() -> None:
    now = TEN + timedelta(minutes=7, seconds=31)
    times = list(offered(now, PANAMA, 24 * 3600))
    fields = [field_of(at, PANAMA) for at in times]

    assert fields[:3] == ["22:30", "22:45", "23:00"]
    assert fields[-2:] == ["09:00", "10:00"]
    assert len(fields) < 30
    assert [read_time(text, now, PANAMA) for text in fields] == times


def test_no_time_beyond_the_lead_is_offered() -> None:
    times = list(offered(TEN, PANAMA, 3600))

    assert times[-1] == TEN + timedelta(minutes=60)


@pytest.mark.parametrize(("before_min", "after_min"), [(30, 20), (1, 0)])
def test_a_time_picked_on_an_old_page_does_not_mean_tomorrow(
    before_min: int, after_min: int
) -> None:
    picked = field_of(TEN, PANAMA)

    with pytest.raises(Refusal, match="bad_time"):
        read_time(picked, TEN + timedelta(minutes=before_min + after_min + 1), PANAMA)
