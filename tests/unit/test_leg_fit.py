"""Travel times learned from ways: nothing from a few, much from many, little from nonsense."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import permutations

import pytest

from server.leg_fit import DRIVE, EMPTY, Fit, Leg, Times, Way, fit

PLACES = ("bolivar", "herrera", "norte", "sur")
TOLD = {
    leg: Times(240.0 + 60 * number, 300.0) for number, leg in enumerate(permutations(PLACES, 2))
}
HANDLING_S = 150.0
SLOW_LEG: Leg = ("herrera", "sur")
HALF_LIFE_H = 48.0

Truth = Callable[[Leg, int], float]


def drives(
    truth: Truth, count: int, *, noise: float = 0.3, seed: int = 1, age_h: float = 1.0
) -> list[Way]:
    """Drives over all legs and the hours of an evening; `truth`: seconds at an hour."""
    dice = random.Random(seed)
    legs = list(TOLD)
    made = []
    for number in range(count):
        leg, hour = legs[number % len(legs)], (1 + number // len(legs)) % 5
        factor = math.exp(dice.gauss(-noise * noise / 2, noise))
        made.append(Way(DRIVE, leg, hour, truth(leg, hour) * factor, age_h))
    return made


def as_told(leg: Leg, _hour: int) -> float:
    """As the file and the settings say."""
    return TOLD[leg].drive_s + HANDLING_S


def learned(ways: list[Way]) -> Fit:
    return fit(ways, TOLD, HANDLING_S, HALF_LIFE_H)


def error(found: Fit, truth: Truth) -> float:
    """The mean error of all legs and hours, as a share."""
    errors = [
        abs(found.drive_s(leg, times, hour) / truth(leg, hour) - 1)
        for leg, times in TOLD.items()
        for hour in range(5)
    ]
    return sum(errors) / len(errors)


def test_without_any_way_the_file_and_the_settings_hold() -> None:
    found = learned([])
    assert found.drive_s(SLOW_LEG, TOLD[SLOW_LEG], 3) == TOLD[SLOW_LEG].drive_s + HANDLING_S
    assert found.empty_s(SLOW_LEG, TOLD[SLOW_LEG], 3) == 300.0


def test_one_way_moves_little_and_its_own_leg_most() -> None:
    slow = [Way(DRIVE, SLOW_LEG, 3, 2 * as_told(SLOW_LEG, 3), 0.0)]
    found = learned(slow)
    other: Leg = ("bolivar", "norte")
    own = found.drive_s(SLOW_LEG, TOLD[SLOW_LEG], 3) / as_told(SLOW_LEG, 3)
    others = found.drive_s(other, TOLD[other], 3) / as_told(other, 3)
    assert 1.05 < others < own < 1.6


def test_a_district_a_leg_an_hour_and_a_place_that_are_slow_are_told_apart() -> None:
    def truth(leg: Leg, hour: int) -> float:
        pace = 1.15 + (0.4 if leg == SLOW_LEG else 0.0) + (0.2 if hour == 2 else 0.0)
        return TOLD[leg].drive_s * pace + HANDLING_S + (60 if "norte" in leg else 0)

    before = error(learned([]), truth)
    after = error(learned(drives(truth, 1200)), truth)
    assert before > 0.15
    assert after < 0.05
    found = learned(drives(truth, 1200, noise=0.05))
    assert found.shares[DRIVE, SLOW_LEG] > 0.2
    assert found.shares[DRIVE, 2] > 0.08
    assert max(found.extra_s, key=lambda place: found.extra_s[place]) == "norte"


def test_noise_alone_teaches_next_to_nothing() -> None:
    assert error(learned(drives(as_told, 1200)), as_told) < 0.05


def test_a_forgotten_tap_is_no_way_and_a_few_odd_ones_bend_nothing() -> None:
    honest = drives(as_told, 600, noise=0.1)
    forgotten = [Way(DRIVE, SLOW_LEG, 3, 9000.0, 0.0), Way(DRIVE, SLOW_LEG, 3, 5.0, 0.0)]
    assert learned([*honest, *forgotten]).ways == learned(honest).ways
    odd = [Way(DRIVE, leg, 3, 3.5 * as_told(leg, 3), 0.0) for leg in TOLD]
    assert error(learned([*honest, *odd]), as_told) < 0.06


def test_a_change_shows_within_days() -> None:
    def slower(leg: Leg, hour: int) -> float:
        return 1.3 * as_told(leg, hour)

    past = [
        way
        for night in range(1, 15)
        for way in drives(as_told, 120, seed=night, age_h=24 * (night + 3))
    ]
    since = [
        way for night in range(4) for way in drives(slower, 120, seed=90 + night, age_h=24 * night)
    ]
    assert error(learned(past), slower) > 0.2
    assert error(learned([*past, *since]), slower) < 0.12


@pytest.mark.parametrize("pace", [0.7, 1.3])
def test_ways_without_a_car_are_learned_apart(pace: float) -> None:
    ways = [Way(EMPTY, leg, hour, 300 * pace, 2.0) for leg in TOLD for hour in range(5)]
    found = learned(ways)
    assert found.empty_s(SLOW_LEG, TOLD[SLOW_LEG], 1) == pytest.approx(300 * pace, rel=0.05)
    assert found.drive_s(SLOW_LEG, TOLD[SLOW_LEG], 1) == as_told(SLOW_LEG, 1)
    assert found.ways == {(EMPTY, leg): 5 for leg in TOLD}


def test_a_leg_that_nobody_told_of_is_left_out() -> None:
    assert learned([Way(DRIVE, ("herrera", "luna"), 3, 300.0, 0.0)]).ways == {}
