"""The best plan of a small snapshot, found by trying all: what a search is measured against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from server.dispatch.errand import errands
from server.dispatch.plan import Plan
from server.dispatch.route_model import Aims, RouteModel, model_of
from server.dispatch.route_problem import RouteProblem, timed
from server.dispatch.snapshot import Snapshot

MOST_MOVES = 7


def model(snapshot: Snapshot) -> RouteModel:
    """The snapshot as the live planner prices it."""
    runners = sorted(snapshot.runners, key=lambda runner: runner.id)
    return model_of(snapshot, runners, errands(snapshot), Aims(), {})


def least_cost(problem: RouteProblem) -> float:
    """The cost of the best plan there is.

    What a runner's route costs depends on no other runner. So each runner's cheapest order is found
    for each set of drives, then the sets that are best together.
    """
    count = len(problem.moves)
    assert count <= MOST_MOVES
    best = [0.0] + [math.inf] * (2**count - 1)
    for runner in range(len(problem.free_min)):
        own_problem = _of_one(problem, runner)
        alone = [_cheapest(own_problem, chosen) for chosen in range(2**count)]
        best = [
            min(best[chosen ^ own] + alone[own] for own in _subsets(chosen))
            for chosen in range(2**count)
        ]
    return best[-1]


def cost_of(snapshot: Snapshot, plan: Plan) -> float:
    """What a plan costs by the same prices."""
    priced = model(snapshot)
    at = {errand.move.visit_id: index for index, errand in enumerate(priced.errands)}
    routes: dict[str, list[int]] = {runner.id: [] for runner in priced.runners}
    for job in plan.jobs:
        routes[job.runner_id].append(at[job.visit_id])
    assert sum(map(len, routes.values())) == len(at)
    return priced.cost(list(routes.values()))


def _of_one(problem: RouteProblem, runner: int) -> RouteProblem:
    return replace(
        problem,
        free_min=[problem.free_min[runner]],
        arrival_min=[problem.arrival_min[runner]],
    )


def _cheapest(problem: RouteProblem, chosen: int) -> float:
    moves = [move for move in range(len(problem.moves)) if chosen >> move & 1]
    return min(sum(leg.cost for leg in timed(problem, [order])[0]) for order in permutations(moves))


def _subsets(chosen: int) -> Sequence[int]:
    found, own = [0], chosen
    while own:
        found.append(own)
        own = (own - 1) & chosen
    return found
