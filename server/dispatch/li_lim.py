"""Li & Lim pickup-and-delivery instances, as far as a dispatcher of cars can take them.

A runner drives one car at a time, so here a vehicle carries one request at a time: straight from
its pickup to its delivery. That is a plan of the instance (windows and capacity hold), but where
loads may be shared it is a dear one: the gap to the best known is the price of that restriction
and of the search together. Windows are hard there and dear here; the fewest vehicles that keep
them all are looked for by giving the drives of one vehicle to the others.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import states
from server.dispatch.bench_case import CaseFileError
from server.dispatch.route_problem import Drive, Prices, RouteProblem, timed
from server.dispatch.route_search import Budget, search

# A minute beyond a window costs more than any way around it.
_PRICES = Prices(park_wait=0.0, kerb=1000.0, empty=1.0)
_ROUNDS = 10**9


@dataclass(frozen=True, slots=True)
class _Stop:
    x: float
    y: float
    demand: float
    earliest: float
    latest: float
    service: float
    delivery: int

    def to(self, other: _Stop) -> float:
        return math.hypot(self.x - other.x, self.y - other.y)


@dataclass(frozen=True, slots=True)
class Pickups:
    """One instance. `requests`: its pickup and delivery stops; the depot is stop 0."""

    name: str
    stops: Sequence[_Stop]
    requests: Sequence[tuple[int, int]]
    vehicles: int
    best_vehicles: int | None
    best_distance: float | None


@dataclass(frozen=True, slots=True)
class Tours:
    """A plan: the stops of each vehicle. `late` is how far its windows are missed in sum."""

    routes: Sequence[Sequence[int]]
    distance: float
    late: float


def read_li_lim(folder: Path) -> list[Pickups]:
    """The instances of `folder/instances`, with what `folder/best_known.csv` says of them."""
    known: dict[str, tuple[int, float]] = {}
    table = folder / "best_known.csv"
    if table.exists():
        for row in csv.DictReader(table.read_text().splitlines()):
            known[row["instance"]] = int(row["routes"]), float(row["distance"])
    return [_read(file, known) for file in sorted(folder.glob("instances/*.txt"))]


def _read(file: Path, known: dict[str, tuple[int, float]]) -> Pickups:
    try:
        first, *rows = [
            [float(word) for word in line.split()]
            for line in file.read_text().splitlines()
            if line.strip()
        ]
        stops = [
            _Stop(x, y, demand, earliest, latest, service, int(delivery))
            for _, x, y, demand, earliest, latest, service, _, delivery in rows
        ]
        requests = [(at, stop.delivery) for at, stop in enumerate(stops) if stop.delivery]
        if not stops or any(stops[to].delivery for _, to in requests):
            raise ValueError("a delivery that delivers, or no stops at all")
    except (ValueError, IndexError) as error:
        raise CaseFileError(f"{file}: {error}") from None
    best = known.get(file.stem, (None, None))
    return Pickups(file.stem, stops, requests, int(first[0]), *best)


def plan_tours(case: Pickups, seconds: float, seed: int, clock: Callable[[], float]) -> Tours:
    """Tours of as few vehicles as the time suffices to find, then as short as it does."""
    end = clock() + seconds
    fleet = _problem(case, case.vehicles)
    routes = search(fleet, Budget(_ROUNDS, seconds / 4, clock), seed)
    best = _tours(case, fleet, routes)
    while clock() < end and len(best.routes) > 1:
        fewer = sorted((route for route in routes if route), key=len)[1:]
        problem = _problem(case, len(fewer))
        budget = Budget(_ROUNDS, (end - clock()) / 3, clock)
        routes = search(problem, budget, seed, fewer)
        tours = _tours(case, problem, routes)
        if tours.late > 0:
            break
        best = tours
    count = len(best.routes)
    problem = _problem(case, count)
    budget = Budget(_ROUNDS, max(0.0, end - clock()), clock)
    last = _tours(case, problem, search(problem, budget, seed, _drives(case, best)))
    return min(best, last, key=lambda tours: (tours.late, len(tours.routes), tours.distance))


def _problem(case: Pickups, vehicles: int) -> RouteProblem:
    depot, stops = case.stops[0], case.stops
    return RouteProblem(
        free_min=[0.0] * vehicles,
        arrival_min=[[depot.to(stop) for stop in stops]] * vehicles,
        empty_min=[[here.to(there) for there in stops] for here in stops],
        moves=[_drive(case, pickup, delivery) for pickup, delivery in case.requests],
        prices=_PRICES,
    )


def _drive(case: Pickups, pickup: int, delivery: int) -> Drive:
    """The straight drive, begun no sooner than it needs no wait at its delivery."""
    here, there, depot = case.stops[pickup], case.stops[delivery], case.stops[0]
    to_there = here.service + here.to(there)
    loaded = to_there + there.service
    release = max(here.earliest, there.earliest - to_there)
    due = min(here.latest, there.latest - to_there, depot.latest - loaded - there.to(depot))
    return Drive(states.RELOCATE, pickup, delivery, loaded, release, release, max(due, release))


def _drives(case: Pickups, tours: Tours) -> list[list[int]]:
    number = {pickup: at for at, (pickup, _) in enumerate(case.requests)}
    return [[number[stop] for stop in route[::2]] for route in tours.routes]


def _tours(case: Pickups, problem: RouteProblem, routes: Sequence[Sequence[int]]) -> Tours:
    late = sum(
        max(0.0, leg.start_min - problem.moves[leg.move].due_min - 1e-6)
        for legs in timed(problem, routes)
        for leg in legs
    )
    tours = [[stop for move in route for stop in case.requests[move]] for route in routes if route]
    ways = (zip([0, *tour], [*tour, 0], strict=True) for tour in tours)
    distance = sum(case.stops[here].to(case.stops[there]) for way in ways for here, there in way)
    return Tours(tours, distance, late)
