"""Whatever the evening, no policy does what cannot be done, and J is what a plain count says."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.dispatch.evening_bound import alone_bound_j
from server.dispatch.evening_data import Evening
from server.dispatch.evening_generator import Bump, Shape, make_evening
from server.dispatch.evening_play import MakePolicy, Played, play
from server.dispatch.evening_rules import EMPTY, PARK, RETRIEVE
from server.dispatch.policy_assignment import Assignment
from server.dispatch.policy_first_come import FirstCome
from server.dispatch.policy_sequence import RollingSequence, SequenceSettings

POLICIES: dict[str, MakePolicy] = {
    "first_come": FirstCome,
    "assignment": Assignment,
    "sequence": lambda ground, runners, seed: RollingSequence(
        ground, runners, seed, SequenceSettings(rounds=0)
    ),
}
SHAPES = st.builds(
    Shape,
    cars=st.integers(1, 14),
    booths=st.integers(1, 4),
    lot_cars=st.lists(st.integers(1, 10), min_size=1, max_size=3).map(tuple),
    kerb_cars=st.integers(0, 2),
    horizon_min=st.just(160),
    close_min=st.just(130),
    arriving=st.just((Bump(25, 12, 1.0),)),
    stay_min=st.floats(20, 60),
    least_stay_min=st.integers(1, 30),
    booked=st.floats(0, 1),
    same_booth=st.floats(0, 1),
)


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10_000), runners=st.integers(1, 5))
def test_no_policy_does_what_cannot_be_done(
    name: str, shape: Shape, seed: int, runners: int
) -> None:
    evening = make_evening(shape, seed)
    played = play(evening, runners, POLICIES[name], seed)
    _check_runners(evening, played, runners)
    _check_cars(evening, played)
    assert played.score.j == pytest.approx(_plain_j(evening, played))
    assert played.score.j >= alone_bound_j(evening) - 1e-9


def _check_runners(evening: Evening, played: Played, runners: int) -> None:
    """Nobody is at two things at once, none jumps, and every way takes its minutes."""
    ground = evening.ground
    by_runner = defaultdict(list)
    for leg in played.legs:
        by_runner[leg.runner].append(leg)
    assert set(by_runner) <= set(range(runners))
    for runner, legs in by_runner.items():
        legs.sort(key=lambda leg: (leg.start_min, leg.end_min))
        place: int | None = runner % ground.booths
        for at, leg in enumerate(legs):
            assert at == 0 or legs[at - 1].end_min <= leg.start_min
            assert leg.origin == place
            if leg.kind != EMPTY:
                assert leg.origin is not None
                assert leg.destination is not None
                minutes = ground.drive_min[leg.origin][leg.destination] + ground.handling_min
                assert leg.end_min - leg.start_min == minutes
            elif leg.origin is not None and leg.destination is not None:
                minutes = ground.empty_min[leg.origin][leg.destination]
                assert leg.end_min - leg.start_min == minutes
            place = leg.destination


def _check_cars(evening: Evening, played: Played) -> None:
    """Each car is parked once and brought back once, in that order, and never before its time."""
    drives = Counter((leg.car, leg.kind) for leg in played.legs if leg.kind != EMPTY)
    cars = range(len(evening.cars))
    assert drives == Counter((car, kind) for car in cars for kind in (PARK, RETRIEVE))
    parked = {leg.car: leg for leg in played.legs if leg.kind == PARK}
    early = evening.ground.scheduled_may_be_early_min
    for leg in played.legs:
        if leg.car is None:
            continue
        car = evening.cars[leg.car]
        if leg.kind == PARK:
            assert leg.start_min >= car.arrive_min
            assert (leg.origin, leg.destination) == (car.booth, car.lot)
        else:
            assert leg.start_min >= max(parked[leg.car].end_min, car.ask_min)
            assert leg.end_min >= car.want_min - early
            assert (leg.origin, leg.destination) == (car.lot, car.return_booth)


def _plain_j(evening: Evening, played: Played) -> float:
    """J minute by minute, without a line of the score's own."""
    cost, ground = 0.0, evening.ground
    away = {leg.car: leg.start_min for leg in played.legs if leg.kind == PARK}
    back = {leg.car: leg.end_min for leg in played.legs if leg.kind == RETRIEVE}
    for minute in range(max(max(back.values()), ground.horizon_min) + 50):
        standing = [0] * ground.booths
        for index, car in enumerate(evening.cars):
            standing[car.booth] += car.arrive_min <= minute < away[index]
            taken = max(back[index], car.want_min) + ground.owner_takes_car_after_min
            standing[car.return_booth] += back[index] <= minute < taken
            cost += car.want_min <= minute < back[index]
        cost += sum(ground.overflow_price * max(0, cars - ground.kerb_cars) for cars in standing)
    return cost / len(evening.cars)
