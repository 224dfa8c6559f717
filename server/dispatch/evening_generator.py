"""Makes evenings to play: a district, a crowd and its forecast from a few figures and a seed.

Nothing here is measured. The shapes stand for evenings that differ in what makes them hard: when
cars come, when they are wanted, how many are booked ahead, how far the lots are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.dispatch.evening_data import Car, Evening, Ground

_CROWDS_FOR_FORECAST = 60
_SMOOTH_MIN = 7


@dataclass(frozen=True, slots=True)
class Bump:
    """Cars that come, or are wanted, around a minute: `share` of all, spread by `spread_min`."""

    at_min: float
    spread_min: float
    share: float


@dataclass(frozen=True, slots=True)
class Shape:
    """An evening in figures. Stays are log-normal; `leaving`: who leaves together after a show.

    `same_booth`: the share that wants the car where it was left; the others go anywhere.
    """

    cars: int = 200
    booths: int = 8
    lot_cars: Sequence[int] = (60, 50, 120)
    kerb_cars: int = 4
    horizon_min: int = 480
    close_min: int = 420
    arriving: Sequence[Bump] = (Bump(105, 38, 0.82), Bump(230, 28, 0.18))
    leaving: Sequence[Bump] = ()
    stay_min: float = 142.0
    stay_spread: float = 0.34
    least_stay_min: int = 60
    booked: float = 0.24
    lead_min: tuple[int, int] = (10, 60)
    same_booth: float = 0.75
    lot_away_min: tuple[float, float] = (5.0, 11.0)
    handling_min: int = 3


SHAPES: dict[str, Shape] = {
    "ordinary": Shape(),
    "late_wave": Shape(
        arriving=(Bump(120, 45, 0.8), Bump(250, 30, 0.2)), leaving=(Bump(270, 30, 0.55),)
    ),
    "theatre": Shape(
        cars=160, leaving=(Bump(270, 4, 0.45),), arriving=(Bump(95, 25, 0.9), Bump(210, 25, 0.1))
    ),
    "nobody_books": Shape(booked=0.0),
    "many_book": Shape(booked=0.6),
    "far_lots": Shape(cars=160, lot_away_min=(9.0, 15.0)),
    "small": Shape(cars=60, booths=6, lot_cars=(25, 40)),
    "flat": Shape(arriving=(Bump(60, 50, 0.35), Bump(160, 60, 0.4), Bump(260, 40, 0.25))),
}


@dataclass(slots=True)
class _District:
    shape: Shape
    weights: list[float]
    drive_min: list[list[int]]
    empty_min: list[list[int]]
    free: list[int] = field(default_factory=list)


def make_evening(shape: Shape, seed: int, name: str = "made") -> Evening:
    """One evening of this shape; the same seed makes the same evening."""
    district = _district(shape, _dice(f"district {seed}"))
    forecast = _forecast(shape, district)
    ground = Ground(
        booths=shape.booths,
        lots=len(shape.lot_cars),
        kerb_cars=shape.kerb_cars,
        horizon_min=shape.horizon_min,
        overflow_price=2.0,
        owner_takes_car_after_min=2,
        scheduled_may_be_early_min=6,
        handling_min=shape.handling_min,
        drive_min=district.drive_min,
        empty_min=district.empty_min,
        expected_arrivals_per_min=forecast[0],
        expected_requests_per_min=forecast[1],
    )
    cars = _crowd(shape, district, _dice(f"crowd {seed}"))
    return Evening(name=f"{name}-{seed}", ground=ground, cars=cars, bounds={})


def _dice(of: str) -> random.Random:
    return random.Random(of)  # noqa: S311 - the same on every machine, and no secret


def _district(shape: Shape, dice: random.Random) -> _District:
    """Booths in a quarter some five minutes wide, lots around it; travel along crooked streets."""
    near, far = shape.lot_away_min
    points = [(dice.uniform(-3, 3), dice.uniform(-1.5, 1.5)) for _ in range(shape.booths)]
    for _ in shape.lot_cars:
        angle, away = dice.uniform(-1.2, 1.2), dice.uniform(near, far)
        points.append((away * math.cos(angle), away * math.sin(angle)))
    drive = [[_minutes(a, b, 1.0) for b in points] for a in points]
    empty = [[_minutes(a, b, 0.9) for b in points] for a in points]
    weights = [dice.uniform(0.3, 1.7) for _ in range(shape.booths)]
    return _District(shape, weights, drive, empty)


def _minutes(a: tuple[float, float], b: tuple[float, float], pace: float) -> int:
    return 0 if a == b else max(1, round(pace * math.dist(a, b)))


def _crowd(shape: Shape, district: _District, dice: random.Random) -> list[Car]:
    arrivals = sorted(_time(shape.arriving, shape, dice) for _ in range(shape.cars))
    district.free = list(shape.lot_cars)
    booths = range(shape.booths)
    cars: list[Car] = []
    leaves: list[tuple[int, int]] = []
    for arrive in arrivals:
        for leave, lot in [pair for pair in leaves if pair[0] <= arrive]:
            district.free[lot] += 1
            leaves.remove((leave, lot))
        booth = dice.choices(booths, district.weights)[0]
        want = _want(shape, arrive, dice)
        lead = dice.randint(*shape.lead_min) if dice.random() < shape.booked else 0
        back = booth
        if dice.random() >= shape.same_booth:
            back = dice.choices(booths, district.weights)[0]
        lot = _nearest_lot(district, booth)
        district.free[lot] -= 1
        leaves.append((want, lot))
        ask = max(arrive + 1, want - lead)
        cars.append(Car(arrive, booth, shape.booths + lot, ask, want, back))
    return cars


def _time(bumps: Sequence[Bump], shape: Shape, dice: random.Random) -> int:
    bump = dice.choices(bumps, [bump.share for bump in bumps])[0]
    while True:
        minute = round(dice.gauss(bump.at_min, bump.spread_min))
        if 0 <= minute < shape.close_min - shape.least_stay_min:
            return minute


def _want(shape: Shape, arrive: int, dice: random.Random) -> int:
    together = sum(bump.share for bump in shape.leaving)
    if dice.random() < together:
        want = _time(shape.leaving, shape, dice)
    else:
        want = arrive + round(dice.lognormvariate(math.log(shape.stay_min), shape.stay_spread))
    return min(max(want, arrive + shape.least_stay_min), shape.close_min)


def _nearest_lot(district: _District, booth: int) -> int:
    lots = [lot for lot, free in enumerate(district.free) if free > 0]
    row = district.drive_min[booth]
    return min(lots or range(len(district.free)), key=lambda lot: row[district.shape.booths + lot])


def _forecast(shape: Shape, district: _District) -> tuple[list[float], list[float]]:
    """Arrivals and requests per minute as past evenings of this shape would let one expect."""
    arrivals, requests = [0.0] * shape.horizon_min, [0.0] * shape.horizon_min
    for past in range(_CROWDS_FOR_FORECAST):
        for car in _crowd(shape, district, _dice(f"past {past}")):
            arrivals[car.arrive_min] += 1 / _CROWDS_FOR_FORECAST
            requests[car.ask_min] += 1 / _CROWDS_FOR_FORECAST
    return _smooth(arrivals), _smooth(requests)


def _smooth(counts: Sequence[float]) -> list[float]:
    last = len(counts)
    windows = [
        counts[max(0, i - _SMOOTH_MIN) : min(last, i + _SMOOTH_MIN + 1)] for i in range(last)
    ]
    return [round(sum(window) / len(window), 4) for window in windows]
