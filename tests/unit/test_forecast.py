"""What is expected of the next minutes, and times of day as windows of time."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import states
from server.dispatch.forecast import (
    BINS,
    Forecast,
    Staying,
    arrival_rates,
    expected,
    hazard,
    rush,
    stageable,
)
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


def test_a_rush_is_more_requests_than_stays_alone_let_one_expect() -> None:
    hourly = [1.0] * BINS
    # Ten cars, an hour after they came; in this half hour of other evenings nearly all were wanted.
    begin = NOW - timedelta(days=7)
    left = [(begin - timedelta(hours=1), begin + timedelta(minutes=1))] * 10
    stayed = [(begin - timedelta(hours=1), begin + timedelta(hours=2))] * 10
    assert rush(left, [begin], hourly) == pytest.approx(15 / (5 + 10 / 60))
    assert rush(stayed, [begin], hourly) == pytest.approx(5 / (5 + 10 / 2))
    assert rush([], [begin], hourly) == 1.0
    # Who was asked for before it, or came after it, says nothing of it.
    assert rush([(begin - timedelta(hours=3), begin - timedelta(hours=1))], [begin], hourly) == 1.0
    assert rush([(begin + timedelta(hours=1), NOW)], [begin], hourly) == 1.0
    # The age at which the bins change lies within the half hour.
    young = [(begin - timedelta(minutes=15), begin + timedelta(hours=1))]
    steep = [0.0, 2.0, *[1.0] * (BINS - 2)]
    assert rush(young, [begin], steep) == pytest.approx(5 / (5 + 0.5))


def test_cars_are_likely_to_be_asked_for_by_their_stay_and_by_the_hour() -> None:
    forecast = Forecast({}, [0.2] * 2 + [2.0] * 10)
    staying = [
        Staying("sur", "herrera", at(-90), "old"),
        Staying("norte", "bolivar", at(-5), "new", frozenset({"manual"})),
    ]
    (old,) = stageable(forecast, staying, NOW, 0.25)
    assert (old.visit_id, old.lot_id, old.booth_id) == ("old", "sur", "herrera")
    assert old.chance == pytest.approx(1 - math.exp(-1))
    both = stageable(replace(forecast, rush=4.0), staying, NOW, 0.25)
    assert [car.visit_id for car in both] == ["old", "new"]
    assert both[1].needs == {"manual"}
    # The same rush counts in what is expected to be wanted.
    wanted = expected(replace(forecast, rush=4.0), staying, LOTS_NEAR, NOW)
    assert len(wanted) > len(expected(forecast, staying, LOTS_NEAR, NOW))
