"""Evenings small enough to count by hand, for tests of the rules, the score and the policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from server.dispatch.evening_data import Car, Evening, Ground
from server.dispatch.evening_rules import Twin
from server.dispatch.evening_seen import Observation, Order

SMALL = Path(__file__).parent / "data" / "evening_small.json"

# Two booths five minutes apart, a lot ten and eight minutes away; two minutes to handle a key.
GROUND = Ground(
    booths=2,
    lots=1,
    kerb_cars=1,
    horizon_min=100,
    overflow_price=2.0,
    owner_takes_car_after_min=2,
    scheduled_may_be_early_min=6,
    handling_min=2,
    drive_min=[[0, 5, 10], [5, 0, 8], [10, 8, 0]],
    empty_min=[[0, 4, 9], [4, 0, 7], [9, 7, 0]],
    expected_arrivals_per_min=[0.02] * 100,
    expected_requests_per_min=[0.02] * 100,
)
LOT = 2
# Comes at 1 to booth 0, is wanted at once at booth 1 at 30.
CAR = Car(arrive_min=1, booth=0, lot=LOT, ask_min=30, want_min=30, return_booth=1)


def evening(*cars: Car, ground: Ground = GROUND) -> Evening:
    """An evening of these cars."""
    return Evening(name="by hand", ground=ground, cars=cars, bounds={})


def booked(car: Car, want_min: int) -> Car:
    """The same car, asked for ahead."""
    return replace(car, want_min=want_min)


def until(twin: Twin, minute: int, orders: Mapping[int, Mapping[int, Order]]) -> Observation:
    """Play to the given minute with orders by minute and runner; what is seen in it."""
    seen = twin.next_minute()
    while seen.now < minute:
        twin.obey(orders.get(seen.now, {}))
        seen = twin.next_minute()
    return seen


class Script:
    """A policy that gives the orders it was told to give."""

    def __init__(self, orders: Mapping[int, Mapping[int, Order]]) -> None:
        """`orders` by minute and runner."""
        self._orders = orders
        self.seen: list[Observation] = []

    def decide(self, seen: Observation) -> Mapping[int, Order]:
        """The orders of the minute."""
        self.seen.append(seen)
        return self._orders.get(seen.now, {})


def ids(seen: Observation) -> Sequence[int]:
    """The cars in sight."""
    return [car.car for car in seen.cars]
