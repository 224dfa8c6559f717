"""What is expected of the next minutes, and times of day as windows of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import states
from server.dispatch.forecast import BINS, Forecast, Staying, arrival_rates, expected, hazard
from server.dispatch.hours import shut_ahead, windows_ahead
from server.dispatch.snapshot import BlockingRow, Parked
from server.dispatch.stall_choice import choose_stall
from tests.snapshots import LOTS_NEAR, NOW, at

PANAMA = ZoneInfo("America/Panama")
# Eight in the evening of a Friday in Panama.
EVENING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
TYPICAL = timedelta(hours=2)


def test_arrivals_are_counted_per_hour_of_all_evenings_looked_at() -> None:
    rates = arrival_rates({"bolivar": 6, "herrera": 1}, 2, timedelta(minutes=30))
    assert rates == {"bolivar": 6.0, "herrera": 1.0}
    assert arrival_rates({"bolivar": 6}, 0, timedelta(minutes=30)) == {}


def test_a_hazard_begins_with_the_typical_stay_and_follows_what_was_seen() -> None:
    assert hazard([], TYPICAL) == [0.5] * BINS
    seen = hazard([timedelta(minutes=70)] * 40, TYPICAL)
    # Nobody left in the first hour, everybody in the half hour after it.
    assert seen[0] == pytest.approx(1 / 22)
    assert seen[2] == pytest.approx(41 / (40 / 6 + 2))
    assert seen[3] == 0.5


def test_cars_are_expected_where_they_come_and_wanted_where_they_stand() -> None:
    forecast = Forecast({"bolivar": 8.0, "herrera": 1.0}, [0.2] * 2 + [4.0] * 10)
    staying = [Staying("sur", "herrera", at(-200)), Staying("norte", "bolivar", at(-5))]
    found = expected(forecast, staying, LOTS_NEAR, NOW)
    assert [(each.kind, each.from_place_id, each.to_place_id) for each in found] == [
        (states.PARK, "bolivar", "norte"),
        (states.RETRIEVE, "sur", "herrera"),
        (states.PARK, "bolivar", "norte"),
    ]
    assert all(NOW < each.at <= at(15) for each in found)
    assert expected(Forecast({}, [4.0]), [], LOTS_NEAR, NOW) == []


def test_a_time_of_day_is_a_window_on_each_day_and_may_pass_midnight() -> None:
    def found(times: tuple[str, str], hours: int, weekdays: Any = range(7)) -> list[Any]:
        until = EVENING + timedelta(hours=hours)
        windows = windows_ahead(PANAMA, EVENING, until, times, weekdays)
        return [(each.from_at.astimezone(PANAMA).strftime("%a %H:%M"), each.until_at - each.from_at)
                for each in windows]  # fmt: skip

    assert found(("20:30", "21:00"), 4) == [("Fri 20:30", timedelta(minutes=30))]
    assert found(("19:00", "19:59"), 4) == []
    assert found(("22:00", "02:00"), 4) == [("Fri 22:00", timedelta(hours=4))]
    # It began yesterday evening and is not over.
    assert found(("21:00", "20:30"), 1) == [("Thu 21:00", timedelta(minutes=1410))]
    assert found(("22:00", "02:00"), 30, (5,)) == [("Sat 22:00", timedelta(hours=4))]


def test_what_was_shut_or_will_be_much_later_is_not_shut() -> None:
    def closure(begin: float, end: float) -> Any:
        return SimpleNamespace(
            place_id="bolivar",
            from_place_id=None,
            to_place_id=None,
            weekdays=[],
            from_at=at(begin),
            until_at=at(end),
        )

    rows = [closure(-60, 0), closure(-60, 1), closure(59, 90), closure(60, 90)]
    found = list(shut_ahead(rows, PANAMA, NOW, at(60)))
    assert [(each.window.from_at, each.place_id, each.leg) for each in found] == [
        (at(-60), "bolivar", None),
        (at(59), "bolivar", None),
    ]


def test_a_row_whose_exit_is_taken_takes_no_car() -> None:
    shut_in = BlockingRow(("A1", "A2"), {"A1": Parked("x")})
    assert choose_stall([shut_in], at(5)) is None
    assert choose_stall([shut_in, BlockingRow(("B1", "B2"))], None) == (1, "B2")
    blocking = [BlockingRow(("A1", "A2"), {"A2": Parked("x", at(10))}),
                BlockingRow(("B1", "B2"), {"B2": Parked("y", at(50))})]  # fmt: skip
    assert choose_stall(blocking, at(60)) == (1, "B1")
