"""The twin's physics, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.dispatch.evening_play import EveningNotOver, play
from server.dispatch.evening_rules import EMPTY, PARK, RETRIEVE, Leg, OrderRefused, Twin
from server.dispatch.evening_score import score
from server.dispatch.evening_seen import PARKED, TO_LOT, DriveCar, Go, KerbStay, Order
from tests.evening_stage import CAR, LOT, Script, booked, evening, ids, until

# Runner 0 stands at booth 0: parks at 1 (until 13), waits there, brings it back at 30 (until 40).
WHOLE: dict[int, dict[int, Order]] = {1: {0: DriveCar(0)}, 30: {0: DriveCar(0)}}


def test_a_car_is_seen_from_its_arrival_and_its_wish_from_the_asking() -> None:
    twin = Twin(evening(CAR), 1)
    assert not ids(until(twin, 0, {}))
    seen = until(twin, 29, WHOLE)
    assert seen.cars[0].stage == PARKED
    assert seen.cars[0].request is None
    asked = until(twin, 30, WHOLE).cars[0].request
    assert asked is not None
    assert asked.booth == 1


def test_a_drive_lasts_its_minutes_and_the_handling() -> None:
    twin = Twin(evening(CAR), 1)
    driving = until(twin, 2, WHOLE)
    assert driving.cars[0].stage == TO_LOT
    assert (driving.runners[0].is_driving, driving.runners[0].free_min) == (True, 13)
    assert driving.runners[0].reach_min == (22, 20, 13)
    assert until(twin, 13, WHOLE).runners[0].is_driving is False


def test_the_trace_and_the_score_are_those_counted_by_hand() -> None:
    second = replace(CAR, arrive_min=2)
    orders: dict[int, dict[int, Order]] = {
        1: {0: DriveCar(0), 1: Go(0)},
        5: {1: DriveCar(1)},
        30: {0: DriveCar(0)},
        34: {1: DriveCar(1)},
    }
    played = play(evening(CAR, second), 2, lambda *_: Script(orders), 1)
    assert played.legs == [
        Leg(0, PARK, 0, 0, LOT, 1, 13),
        Leg(1, EMPTY, None, 1, 0, 1, 5),
        Leg(1, PARK, 1, 0, LOT, 5, 17),
        Leg(0, RETRIEVE, 0, LOT, 1, 30, 40),
        Leg(1, RETRIEVE, 1, LOT, 1, 34, 44),
    ]
    # 10 and 14 minutes late; both kerbs hold one car and were never fuller.
    assert (played.score.late_min, played.score.overflow_car_min) == (24, 0)
    assert played.score.j == 12.0
    assert played.score.mean_wait_min == 12.0
    assert played.score.p95_wait_min == pytest.approx(13.8)
    assert played.score.empty_share == pytest.approx(4 / 48)
    assert played.score.moves_per_runner_h == pytest.approx(4 / (2 * 44 / 60))


def test_a_full_kerb_costs_each_car_above_it_each_minute() -> None:
    cars = [replace(CAR, arrive_min=1), replace(CAR, arrive_min=3)]
    legs = [
        Leg(0, PARK, 0, 0, LOT, 6, 18),
        Leg(1, PARK, 1, 0, LOT, 9, 21),
        Leg(0, RETRIEVE, 0, LOT, 1, 30, 40),
        Leg(1, RETRIEVE, 1, LOT, 1, 31, 41),
    ]
    # Two cars stand at booth 0 from 3 to 6, and at booth 1 in minute 41 (40 to 42, 41 to 43).
    assert score(evening(*cars), legs, 2).overflow_car_min == 3 + 1


def test_a_booked_car_waits_at_the_kerb_until_it_was_wanted_for() -> None:
    twin = Twin(evening(booked(CAR, 45)), 1)
    early = {1: {0: DriveCar(0)}, 29: {}, 30: {0: DriveCar(0)}}
    seen = until(twin, 30, early)
    assert seen.kerb_stays == ()
    twin.obey({0: DriveCar(0)})
    assert twin.next_minute().kerb_stays == (KerbStay(1, 40, 47),)


@pytest.mark.parametrize(
    ("minute", "order", "code"),
    [
        (0, DriveCar(0), "car_is_not_here"),
        (2, Go(1), "runner_is_driving"),
        (13, DriveCar(0), "car_was_not_asked_for"),
        (13, Go(7), "no_such_place"),
    ],
)
def test_what_cannot_be_done_is_refused(minute: int, order: Order, code: str) -> None:
    twin = Twin(evening(CAR), 1)
    until(twin, minute, WHOLE)
    with pytest.raises(OrderRefused) as refused:
        twin.obey({0: order})
    assert refused.value.code == code


def test_a_car_is_driven_by_one_who_stands_at_it_and_once() -> None:
    twin = Twin(evening(CAR), 3)
    until(twin, 1, {})
    with pytest.raises(OrderRefused, match="runner_is_elsewhere"):
        twin.obey({1: DriveCar(0)})
    with pytest.raises(OrderRefused, match="car_is_being_driven"):
        twin.obey({0: DriveCar(0), 2: DriveCar(0)})


def test_a_booked_car_is_not_brought_too_early() -> None:
    twin = Twin(evening(booked(CAR, 50)), 1)
    until(twin, 33, WHOLE | {30: {}})
    with pytest.raises(OrderRefused, match="too_early"):
        twin.obey({0: DriveCar(0)})
    seen = twin.next_minute()
    assert seen.now == 34
    twin.obey({0: DriveCar(0)})


def test_a_runner_on_its_way_goes_on_or_turns_back_but_never_jumps() -> None:
    twin = Twin(evening(CAR), 1)
    until(twin, 0, {})
    twin.obey({0: Go(LOT)})
    seen = until(twin, 3, {})
    # Three of nine minutes on the way: back to booth 0 in three, to booth 1 by way of booth 0.
    assert seen.runners[0].reach_min == (6, 10, 9)
    twin.obey({0: Go(1)})
    turned = until(twin, 5, {}).runners[0]
    # Heading for booth 1 for two minutes, five left; or two back and then as before.
    assert (turned.place, turned.free_min) == (1, 10)
    assert turned.reach_min == (5 + 2 + 3, 10, 5 + 2 + 6)
    until(twin, 10, {})
    assert [leg.destination for leg in twin.legs] == [None, 1]


def test_an_evening_that_is_never_finished_is_given_up() -> None:
    with pytest.raises(EveningNotOver):
        play(evening(CAR), 1, lambda *_: Script({}), 1)


def test_a_policy_is_shown_no_car_and_no_wish_before_its_minute() -> None:
    later = replace(CAR, arrive_min=20, ask_min=60, want_min=60)
    # Back at the lot by way of booth 0, where the second car was left; it is asked for at 60.
    script = Script(
        WHOLE | {40: {0: Go(0)}, 44: {0: DriveCar(1)}, 60: {0: DriveCar(1)}},
    )
    play(evening(CAR, later), 1, lambda *_: script, 1)
    for seen in script.seen:
        assert all(car.arrive_min <= seen.now for car in seen.cars)
        assert all(car.request is None or car.request.ask_min <= seen.now for car in seen.cars)
    assert len(script.seen) == 60 + 10 + 1
