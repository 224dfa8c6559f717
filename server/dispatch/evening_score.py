"""What an evening's trace is worth: J, its parts and its waits. Reads legs, not the twin."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from server.dispatch.evening_data import Evening
from server.dispatch.evening_rules import EMPTY, PARK, RETRIEVE, Leg

_MIN_PER_H = 60


@dataclass(frozen=True, slots=True)
class EveningScore:
    """An evening's figures. Minutes, but `empty_share` (of all minutes on the way) and rates.

    `late_min` is summed over cars, `overflow_car_min` over booths and minutes; J is both, the
    latter at its price, per car. Waits are those of drivers who asked for the car at once.
    """

    j: float
    late_min: int
    overflow_car_min: int
    mean_wait_min: float
    median_wait_min: float
    p90_wait_min: float
    p95_wait_min: float
    booked_late_min: float
    empty_share: float
    moves_per_runner_h: float


def score(evening: Evening, legs: Sequence[Leg], runners: int) -> EveningScore:
    """The figures of an evening in which every car was brought back."""
    started = {leg.car: leg.start_min for leg in legs if leg.kind == PARK}
    delivered = {leg.car: leg.end_min for leg in legs if leg.kind == RETRIEVE}
    late = [max(0, delivered[index] - car.want_min) for index, car in enumerate(evening.cars)]
    is_now = [car.want_min == car.ask_min for car in evening.cars]
    waits = sorted(minutes for minutes, now in zip(late, is_now, strict=True) if now)
    booked = [minutes for minutes, now in zip(late, is_now, strict=True) if not now]
    overflow = _overflow_car_min(evening, started, delivered)
    price = evening.ground.overflow_price
    empty_min = sum(leg.end_min - leg.start_min for leg in legs if leg.kind == EMPTY)
    loaded_min = sum(leg.end_min - leg.start_min for leg in legs if leg.kind != EMPTY)
    moves = len(started) + len(delivered)
    hours = max(leg.end_min for leg in legs) / _MIN_PER_H
    return EveningScore(
        j=(sum(late) + price * overflow) / len(evening.cars),
        late_min=sum(late),
        overflow_car_min=overflow,
        mean_wait_min=sum(waits) / len(waits) if waits else 0.0,
        median_wait_min=quantile(waits, 0.5),
        p90_wait_min=quantile(waits, 0.9),
        p95_wait_min=quantile(waits, 0.95),
        booked_late_min=sum(booked) / len(booked) if booked else 0.0,
        empty_share=empty_min / (empty_min + loaded_min),
        moves_per_runner_h=moves / (runners * hours),
    )


def _overflow_car_min(
    evening: Evening, started: dict[int | None, int], delivered: dict[int | None, int]
) -> int:
    """Car-minutes above what the kerbs hold."""
    standing: Counter[tuple[int, int]] = Counter()
    for index, car in enumerate(evening.cars):
        for minute in range(car.arrive_min, started[index]):
            standing[car.booth, minute] += 1
        back = delivered[index]
        gone = max(back, car.want_min) + evening.ground.owner_takes_car_after_min
        for minute in range(back, gone):
            standing[car.return_booth, minute] += 1
    return sum(max(0, cars - evening.ground.kerb_cars) for cars in standing.values())


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at `share` of an ordered row, between its neighbours; 0 of an empty one."""
    if not ordered:
        return 0.0
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
