"""The twin against the queueing formula: one booth, Poisson arrivals, exponential drives.

Runners come back at once, and how long a drive takes is drawn by giving the car one of many lots:
then the cars at the kerb are a queue M/M/c, whose mean wait is Erlang's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from statistics import mean, stdev

import pytest

from server.dispatch.evening_data import Car, Ground
from server.dispatch.evening_rules import PARK, Twin
from server.dispatch.evening_seen import AT_KERB
from server.dispatch.policy_first_come import FirstCome
from tests.evening_stage import GROUND, evening

_LOTS = 160
_SERVICE_MIN = 20.0
_NIGHTS = 10
_WARM_UP_MIN, _END_MIN = 100, 1000
# Student's t for 95 % of the nights.
_T = 2.262


def _ground() -> Ground:
    nodes = 1 + _LOTS
    drive = [[abs(a - b) for b in range(nodes)] for a in range(nodes)]
    return replace(
        GROUND,
        booths=1,
        lots=_LOTS,
        handling_min=0,
        drive_min=drive,
        empty_min=[[0] * nodes for _ in range(nodes)],
    )


def _cars(per_min: float, dice: Random) -> list[Car]:
    """Whole minutes: an exponential time rounded up is geometric, with half a minute more."""
    cars, now = [], dice.expovariate(per_min)
    while now < _END_MIN:
        drive = min(_LOTS, math.ceil(dice.expovariate(1 / (_SERVICE_MIN - 0.5))))
        cars.append(Car(int(now), 0, drive, 10**6, 10**6, 0))
        now += dice.expovariate(per_min)
    return cars


def _mean_wait_min(runners: int, per_min: float, night: int) -> float:
    cars = _cars(per_min, Random(f"{runners} {night}"))
    twin = Twin(evening(*cars, ground=_ground()), runners)
    policy = FirstCome(twin.ground, runners, 1)
    while twin.now < _END_MIN:
        seen = twin.next_minute()
        # Parked cars play no part here, and there are many: looking at each would take long.
        waiting = [car for car in seen.cars if car.stage == AT_KERB]
        twin.obey(policy.decide(replace(seen, cars=waiting)))
    waits = [
        leg.start_min - cars[leg.car].arrive_min
        for leg in twin.legs
        if leg.kind == PARK and leg.car is not None and cars[leg.car].arrive_min > _WARM_UP_MIN
    ]
    return mean(waits)


def _erlang_wait_min(runners: int, per_min: float) -> float:
    load = per_min * _SERVICE_MIN
    last = load**runners / math.factorial(runners) * runners / (runners - load)
    waits = last / (sum(load**k / math.factorial(k) for k in range(runners)) + last)
    return waits * _SERVICE_MIN / (runners - load)


@pytest.mark.parametrize(("runners", "busy"), [(1, 0.5), (2, 0.6)])
def test_the_mean_wait_is_that_of_the_formula(runners: int, busy: float) -> None:
    per_min = busy * runners / _SERVICE_MIN
    nights = [_mean_wait_min(runners, per_min, night) for night in range(_NIGHTS)]
    spread = _T * stdev(nights) / math.sqrt(_NIGHTS)
    expected = _erlang_wait_min(runners, per_min)
    assert spread < 0.6 * expected
    assert abs(mean(nights) - expected) < spread
