"""The planner's search against the exact optimum, and its books against a plain count."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from schemas import states
from server.dispatch.route_baseline import first_come
from server.dispatch.route_problem import Drive, Prices, RouteError, RouteProblem, evaluate
from server.dispatch.route_search import GROUP, Budget, search
from tests.dispatch_cases import SMALL, long_queue, made_up, optimum, problem_of

CASES: list[dict[str, Any]] = json.loads(SMALL.read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_small_problem_is_solved_exactly(case: dict[str, Any]) -> None:
    problem = problem_of(case)
    cost = evaluate(problem, search(problem, Budget(rounds=60), 1))
    assert cost == pytest.approx(case["best_known_objective"], abs=1e-5)


@pytest.mark.parametrize("case", CASES[:15], ids=lambda case: str(case["name"]))
def test_what_is_called_the_optimum_is_one(case: dict[str, Any]) -> None:
    assert optimum(problem_of(case)) == pytest.approx(case["best_known_objective"], abs=1e-5)


def test_the_costs_are_those_of_the_definition() -> None:
    drives = [
        Drive(states.RETRIEVE, 0, 1, 10, known_min=0, release_min=0, due_min=4, weight=3),
        Drive(states.PARK, 1, 0, 8, known_min=0, release_min=2, due_min=9),
        Drive(states.RETRIEVE, 0, 1, 10, known_min=0, release_min=0, due_min=100),
    ]
    prices = Prices(patience_min=5, impatience=1)
    problem = RouteProblem([0], [[5, 0]], [[0, 7], [7, 0]], drives, prices)
    # 5 on the way, 15 at the booth: 11 late, 6 of them dear. Parked from 15: 13 waiting, 6
    # overdue. Back from 23 to 33, 67 too early.
    costs = 3 * (11 + 6) + 0.2 * 5, 0.12 * 13 + 2 * 6, 0.03 * 67
    assert evaluate(problem, [[0, 1, 2]]) == pytest.approx(sum(costs))


@pytest.mark.parametrize("routes", [[[0]], [[0, 1], []], [[0, 0]], [[0, 1, 1]], []])
def test_what_is_no_plan_has_no_cost(routes: list[list[int]]) -> None:
    problem = problem_of(made_up(0, 2, 1))
    with pytest.raises(RouteError):
        evaluate(problem, routes)


def test_nothing_to_drive_is_a_plan_and_nobody_to_drive_is_not() -> None:
    problem = problem_of(made_up(0, 2, 3))
    idle = RouteProblem(problem.free_min, problem.arrival_min, problem.empty_min, [])
    assert search(idle, Budget(9), 1) == [[], [], []]
    assert search(RouteProblem([], [], [], []), Budget(9), 1) == []
    with pytest.raises(ValueError, match="nobody"):
        search(RouteProblem([], [], problem.empty_min, problem.moves), Budget(9), 1)


def test_a_search_goes_on_from_an_earlier_plan_and_puts_in_what_it_lacks() -> None:
    problem = problem_of(made_up(3, 30, 10))
    good = search(problem, Budget(60), 1)
    assert evaluate(problem, search(problem, Budget(0), 2, good)) <= evaluate(problem, good)
    lacking = [[move for move in route if move % 5] for route in good]
    cost = evaluate(problem, search(problem, Budget(0), 2, lacking))
    assert cost < evaluate(problem, first_come(problem))


def test_a_search_ends_when_its_seconds_are_over() -> None:
    ticks = iter(range(10**6))
    budget = Budget(rounds=10**9, seconds=2000, clock=lambda: float(next(ticks)))
    problem = problem_of(made_up(4, 12, 4))
    assert evaluate(problem, search(problem, budget, 1)) < evaluate(problem, first_come(problem))
    assert next(ticks) < 2100


@pytest.mark.parametrize("seed", range(12))
def test_a_search_ends_also_where_rounding_hides_what_is_better(seed: int) -> None:
    random = Random(seed)

    def way() -> float:
        return random.choice((random.uniform(0, 30), 1e6, random.uniform(0, 3)))

    def minute() -> float:
        return random.choice((-1e9, 1e9, random.uniform(-60, 120)))

    drives = [
        Drive(states.PARK, random.randrange(3), random.randrange(3), way(), 0, minute(), minute())
        for _ in range(8)
    ]
    ways = [[way() for _ in range(3)] for _ in range(3)]
    problem = RouteProblem([0, 0, 0], [[way() for _ in range(3)] for _ in range(3)], ways, drives)
    cost = evaluate(problem, search(problem, Budget(10), 1))
    assert cost <= evaluate(problem, first_come(problem))


def test_more_runners_than_a_group_are_planned_in_groups() -> None:
    problem = problem_of(made_up(5, 2 * GROUP + 10, GROUP + 5))
    routes = search(problem, Budget(3), 1)
    assert routes == search(problem, Budget(3), 1)
    assert evaluate(problem, routes) < 0.95 * evaluate(problem, first_come(problem))


def test_a_long_queue_of_one_runner_beats_its_due_times_in_order() -> None:
    problem = long_queue(1, 40)
    by_due = sorted(range(40), key=lambda index: problem.moves[index].due_min)
    cost = evaluate(problem, search(problem, Budget(10), 1))
    assert cost < 0.9 * evaluate(problem, [by_due])


def test_what_was_remembered_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(made_up(6, 20, 6))
    plenty = search(problem, Budget(40), 1)
    monkeypatch.setattr("server.dispatch.route_search.MOST_ROUTES", 30)
    assert search(problem, Budget(40), 1) == plenty
