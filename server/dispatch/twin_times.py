"""True times: what the planner only estimates. Each car's are its own, whoever drives it when."""

from __future__ import annotations

import math
from random import Random

from server.dispatch.scenario_data import EXPONENTIAL, Noise, Scenario

# No way without a car is faster than this share of its estimate: the lower bound relies on it.
LEAST_EMPTY = 0.5


class Times:
    """The times of one night. Policies that drive the same car meet the same chance."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        """The same seed, the same times."""
        self._scenario = scenario
        self._noise = scenario.noise
        self._seed = seed

    def drive_s(self, visit_id: str, leg: int, origin: str, to: str) -> int:
        """What the car's drive number `leg` takes truly, from the tap to the next, at least 1 s."""
        noise, dice = self._noise, self._dice(f"{visit_id} {leg}")
        times = self._scenario.travel.get((origin, to))
        drive_s = 0 if times is None else times.drive_s
        if noise.shape == EXPONENTIAL:
            mean = noise.factor * (drive_s + self._scenario.handling_s)
            return max(1, round(dice.expovariate(1.0) * mean))
        driven = drive_s * spread(dice, noise.drive)
        handled = self._scenario.handling_s * spread(dice, noise.handling)
        return max(1, round(noise.factor * (driven + handled)))

    def shuffle_s(self, visit_id: str, leg: int, cars: int) -> int:
        """What it takes truly to move so many cars out of the way before that drive."""
        noise, dice = self._noise, self._dice(f"{visit_id} {leg} blocked")
        each = [self._scenario.shuffle_s * spread(dice, noise.handling) for _ in range(cars)]
        return round(noise.factor * sum(each))

    def take_s(self, visit_id: str) -> int:
        """How long the driver needs to drive off with the car."""
        dice = self._dice(f"{visit_id} away")
        return max(1, round(self._scenario.take_car_s * spread(dice, self._noise.handling)))

    def empty_factor(self, dice: Random) -> float:
        """How much longer than estimated a way without a car is."""
        noise = self._noise
        return (
            _least(noise)
            if noise.shape == EXPONENTIAL
            else max(_least(noise), noise.factor * spread(dice, noise.empty))
        )

    def runner(self, runner_id: str) -> Random:
        """The chance that a runner meets on the way."""
        return self._dice(f"runner {runner_id}")

    def _dice(self, of: str) -> Random:
        return Random(f"{self._seed} {of}")  # noqa: S311 - chance that can be repeated, no secret


def _least(noise: Noise) -> float:
    return LEAST_EMPTY * noise.factor


def spread(dice: Random, sigma: float) -> float:
    """A log-normal factor whose mean is 1."""
    return math.exp(dice.gauss(-sigma * sigma / 2, sigma)) if sigma else 1.0
