"""One dispatch decision as plain numbers: who can be where, which cars have to be driven.

A runner drives one car at a time and travels without one in between. A plan (`Routes`) is, per
runner, the indices of its drives in order; every drive belongs to exactly one runner. All times
are minutes on one clock, of any origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas import states

# What cannot be reached, or takes longer than anybody waits: two years. Keeps costs finite.
NEVER_MIN = 1_000_000.0

Routes = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Drive:
    """One car to drive, `loaded_min` minutes with its handling, not before `release_min`.

    `due_min`: of a retrieval, when the driver wants the car; of any other drive, when the place
    that the car stands on is needed. `known_min`: since when the drive is asked for. `weight`
    multiplies what its waiting costs; `patience_min`: of this driver, if not that of all.
    """

    kind: str
    origin: int
    destination: int
    loaded_min: float
    known_min: float
    release_min: float
    due_min: float
    weight: float = 1.0
    patience_min: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a minute costs: of a driver waiting for the car (`late`), of a car that stands ready
    too early, of a car waiting to be parked, of a kerb space overdue, of travelling empty.

    From `patience_min` of lateness on a driver's minute costs `impatience` more, so that nobody
    is starved for the mean.
    """

    late: float = 1.0
    early: float = 0.03
    park_wait: float = 0.12
    kerb: float = 2.0
    empty: float = 0.2
    patience_min: float = 20.0
    impatience: float = 0.0


@dataclass(frozen=True, slots=True)
class RouteProblem:
    """`free_min[r]`: when runner r is free; `arrival_min[r][n]`: when it can stand at node n;
    `empty_min[a][b]`: travel without a car. A time that is not known is infinite. `barred[r]`: the
    drives that runner r may not do; empty if everybody may do all. Somebody may do each."""

    free_min: Sequence[float]
    arrival_min: Sequence[Sequence[float]]
    empty_min: Sequence[Sequence[float]]
    moves: Sequence[Drive]
    prices: Prices = field(default_factory=Prices)
    barred: Sequence[frozenset[int]] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """One drive of a plan: who, when it is reached, when it starts and ends, and its cost."""

    runner: int
    move: int
    arrival_min: float
    start_min: float
    done_min: float
    empty_min: float
    cost: float


class RouteError(ValueError):
    """These routes are no plan of this problem."""


def waiting_cost(drive: Drive, start_min: float, prices: Prices) -> float:
    """What it costs that this drive starts then."""
    if drive.kind == states.RETRIEVE:
        late = start_min + drive.loaded_min - drive.due_min
        if late <= 0:
            return drive.weight * prices.early * -late
        starved = max(0.0, late - patience_min(drive, prices))
        return drive.weight * (prices.late * late + prices.impatience * starved)
    overdue = max(0.0, start_min - drive.due_min)
    waited = start_min - drive.release_min
    return drive.weight * (prices.park_wait * waited + prices.kerb * overdue)


def patience_min(drive: Drive, prices: Prices) -> float:
    """From how many minutes of lateness on this driver's minutes cost more."""
    return prices.patience_min if drive.patience_min is None else drive.patience_min


def timed(problem: RouteProblem, routes: Routes) -> list[list[Leg]]:
    """Each runner's legs. A drive starts when the runner is there and the car released."""
    legs: list[list[Leg]] = []
    for runner, route in enumerate(routes):
        legs.append([])
        now, place = problem.free_min[runner], -1
        for move in route:
            drive = problem.moves[move]
            if place < 0:
                arrival = min(problem.arrival_min[runner][drive.origin], now + NEVER_MIN)
            else:
                arrival = now + min(problem.empty_min[place][drive.origin], NEVER_MIN)
            start = max(arrival, drive.release_min)
            done = start + drive.loaded_min
            cost = waiting_cost(drive, start, problem.prices)
            cost += problem.prices.empty * (arrival - now)
            legs[-1].append(Leg(runner, move, arrival, start, done, arrival - now, cost))
            now, place = done, drive.destination
    return legs


def evaluate(problem: RouteProblem, routes: Routes) -> float:
    """What a plan costs, all drives together. `RouteError` if it is not a plan."""
    given = sorted(move for route in routes for move in route)
    if len(routes) != len(problem.free_min) or given != list(range(len(problem.moves))):
        raise RouteError("a plan has a route per runner and every drive in exactly one of them")
    if any(
        not barred.isdisjoint(route) for barred, route in zip(problem.barred, routes, strict=False)
    ):
        raise RouteError("a drive is given to somebody who may not do it")
    return sum(leg.cost for legs in timed(problem, routes) for leg in legs)
