"""First come, first served, by the nearest runner who stands idle: the evening's yardstick."""

from __future__ import annotations

from collections.abc import Mapping

from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import AT_KERB, PARKED, CarSeen, DriveCar, Go, Observation, Order


class FirstCome:
    """Moves in the order in which they could first be driven; no looking ahead, no pairing."""

    def __init__(self, ground: Ground, runners: int, seed: int) -> None:
        self._ground = ground
        self._taken: dict[int, int] = {}

    def decide(self, seen: Observation) -> Mapping[int, Order]:
        """Send idle runners to the oldest moves; who stands at its car drives it."""
        ready = {car.car: car for car in seen.cars if self._release_min(car, seen.now) <= seen.now}
        self._taken = {
            runner: car
            for runner, car in self._taken.items()
            if car in ready and not seen.runners[runner].is_driving
        }
        idle = {
            index
            for index, runner in enumerate(seen.runners)
            if index not in self._taken and not runner.is_driving
        }
        given = set(self._taken.values())
        for car in sorted(ready.values(), key=lambda car: self._order(car, seen.now)):
            if idle and car.car not in given:
                start = _origin(car)
                chosen = min(idle, key=lambda i: (seen.runners[i].reach_min[start], i))
                idle.remove(chosen)
                self._taken[chosen] = car.car
        return {runner: _step(seen, runner, ready[car]) for runner, car in self._taken.items()}

    def _order(self, car: CarSeen, now: int) -> tuple[int, int, int, int]:
        known = car.arrive_min
        if car.stage != AT_KERB and car.request is not None:
            known = car.request.ask_min
        return self._release_min(car, now), known, int(car.stage != AT_KERB), car.car

    def _release_min(self, car: CarSeen, now: int) -> int:
        """The first minute at which its next drive may start; later than now if there is none."""
        if car.stage == AT_KERB:
            return car.arrive_min
        request = car.request
        if car.stage != PARKED or request is None:
            return now + 1
        release = max(car.stage_min, request.ask_min)
        if request.want_min > request.ask_min:
            loaded = self._ground.loaded_min(car.lot, request.booth)
            early = self._ground.scheduled_may_be_early_min
            release = max(release, request.want_min - loaded - early)
        return release


def _origin(car: CarSeen) -> int:
    return car.booth if car.stage == AT_KERB else car.lot


def _step(seen: Observation, index: int, car: CarSeen) -> Order:
    runner, origin = seen.runners[index], _origin(car)
    if runner.place == origin and runner.free_min <= seen.now:
        return DriveCar(car.car)
    return Go(origin)
