"""The cars of a night: drawn from rates or counts and a seed, or as they were recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from server.dispatch.scenario_data import Car, Rates, Recorded, Scenario, Stays, Together

_HOUR_S = 3600
_QUARTER_S = 900


def crowd(scenario: Scenario, seed: int) -> list[Car]:
    """Every car of the night in the order of arrival; the same seed, the same cars."""
    if isinstance(scenario.arrivals, Recorded):
        return sorted(scenario.arrivals.cars, key=lambda car: car.arrive_s)
    dice = Random(f"crowd {seed}")  # noqa: S311 - chance that can be repeated, no secret
    cars = [_car(scenario, at, booth, dice) for at, booth in sorted(_arrivals(scenario, dice))]
    # Dice of their own: what is said of the cars changes nothing else of the night.
    told = Random(f"told {seed}")  # noqa: S311 - chance that can be repeated, no secret
    return [_as_told(scenario, car, told) for car in cars]


def _as_told(scenario: Scenario, car: Car, dice: Random) -> Car:
    """With what is noted on leaving it: who may drive it, and when it will be wanted."""
    stays = scenario.stays
    kinds = tuple(kind for kind, share in sorted(scenario.special.items()) if dice.random() < share)
    leave_s = car.wanted_s or car.ask_s
    is_told, off_s = dice.random() < stays.told, round(dice.gauss(0, stays.told_off_s))
    wish_s = None if leave_s is None or not is_told else max(car.arrive_s + 600, leave_s + off_s)
    return replace(car, handling=kinds, wish_s=wish_s)


def _arrivals(scenario: Scenario, dice: Random) -> Iterator[tuple[int, str]]:
    arrivals = scenario.arrivals
    assert not isinstance(arrivals, Recorded)
    is_rate = isinstance(arrivals, Rates)
    step_s = _HOUR_S if is_rate else _QUARTER_S
    per_step = arrivals.per_hour if isinstance(arrivals, Rates) else arrivals.per_quarter_hour
    for booth, numbers in sorted(per_step.items()):
        for index, number in enumerate(numbers):
            count = _poisson(float(number), dice) if is_rate else int(number)
            for _ in range(count):
                yield index * step_s + dice.randrange(step_s), booth


def _poisson(mean: float, dice: Random) -> int:
    """How many come where so many are expected: gaps between them are exponential."""
    count, total = 0, dice.expovariate(1.0)
    while total < mean:
        count += 1
        total += dice.expovariate(1.0)
    return count


def _car(scenario: Scenario, arrive_s: int, booth_id: str, dice: Random) -> Car:
    stays = scenario.stays
    leave_s = _leave_s(stays, arrive_s, dice)
    is_booked = dice.random() < stays.booked
    lead_s = dice.randint(*stays.lead_s) if is_booked else 0
    ask_s = max(arrive_s + 1, leave_s - lead_s)
    others = [
        name
        for name in scenario.booths
        if name != booth_id and not _is_closed(scenario, name, leave_s)
    ]
    is_elsewhere = dice.random() < stays.elsewhere and bool(others)
    return Car(
        arrive_s=arrive_s,
        booth_id=booth_id,
        ask_s=ask_s,
        wanted_s=leave_s if is_booked and leave_s > ask_s else None,
        return_booth_id=dice.choice(others) if is_elsewhere else None,
    )


def _is_closed(scenario: Scenario, booth_id: str, at_s: int) -> bool:
    """Whether no driver would ask for the car there."""
    return any(
        closure.place_id == booth_id and closure.from_s <= at_s < closure.until_s
        for closure in scenario.closures
    )


def _leave_s(stays: Stays, arrive_s: int, dice: Random) -> int:
    """When the driver wants to leave. Whoever came after the show's end was not at the show."""
    least = arrive_s + stays.least_s
    chance = dice.random()
    show = _show(stays, chance)
    if show is not None and least < show.at_s + show.within_s:
        leave = show.at_s + dice.randrange(show.within_s)
    else:
        leave = arrive_s + round(dice.lognormvariate(math.log(stays.median_s), stays.spread))
    return min(max(leave, least), max(stays.last_s, least))


def _show(stays: Stays, chance: float) -> Together | None:
    for together in stays.together:
        if chance < together.share:
            return together
        chance -= together.share
    return None
