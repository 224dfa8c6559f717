"""What must hold of every plan, whatever the problem."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import states
from server.dispatch.route_baseline import first_come
from server.dispatch.route_book import RouteBook
from server.dispatch.route_order import reorder
from server.dispatch.route_problem import (
    NEVER_MIN,
    Drive,
    Prices,
    RouteProblem,
    Routes,
    evaluate,
    timed,
)
from server.dispatch.route_search import Budget, search
from server.dispatch.route_trade import best_trade

ROUNDS = Budget(rounds=12)
WAY = st.one_of(st.integers(0, 30), st.floats(0, 30), st.just(math.inf))
TIME = st.one_of(st.integers(-60, 120), st.floats(-60, 120), st.sampled_from([-1e9, 1e9]))
PRICE = st.sampled_from([0.0, 0.03, 0.2, 1.0, 7.5])


@st.composite
def problems(draw: st.DrawFn) -> RouteProblem:
    """Up to ten drives and four runners; some ways do not exist, some times are absurd."""
    nodes, runners = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    node = st.integers(0, nodes - 1)
    free = draw(st.lists(st.integers(-5, 40), min_size=runners, max_size=runners))
    row = st.lists(WAY, min_size=nodes, max_size=nodes)
    drive = st.builds(
        Drive,
        kind=st.sampled_from(states.MOVE_KINDS),
        origin=node,
        destination=node,
        loaded_min=st.one_of(st.integers(0, 40), st.just(1e6)),
        known_min=TIME,
        release_min=TIME,
        due_min=TIME,
        weight=st.sampled_from([0.0, 1.0, 3.0]),
    )
    return RouteProblem(
        free_min=free,
        arrival_min=[[now + way for way in draw(row)] for now in free],
        empty_min=[draw(row) for _ in range(nodes)],
        moves=draw(st.lists(drive, max_size=10)),
        prices=draw(st.builds(Prices, PRICE, PRICE, PRICE, PRICE, PRICE, impatience=PRICE)),
    )


@st.composite
def planned(draw: st.DrawFn) -> tuple[RouteProblem, Routes]:
    """A problem and any plan of it."""
    problem = draw(problems())
    routes: list[list[int]] = [[] for _ in problem.free_min]
    for move in draw(st.permutations(range(len(problem.moves)))):
        draw(st.sampled_from(routes)).append(move)
    return problem, routes


@given(problems(), st.integers(0, 3))
@settings(max_examples=30)
def test_every_drive_is_given_out_once_and_nobody_is_in_two_cars(
    problem: RouteProblem, seed: int
) -> None:
    routes = search(problem, ROUNDS, seed)
    assert sorted(move for route in routes for move in route) == list(range(len(problem.moves)))
    for runner, legs in enumerate(timed(problem, routes)):
        now, place = problem.free_min[runner], None
        for leg in legs:
            drive = problem.moves[leg.move]
            there = problem.arrival_min[runner][drive.origin]
            if place is not None:
                there = now + problem.empty_min[place][drive.origin]
            assert leg.start_min >= max(min(there, now + NEVER_MIN), drive.release_min)
            assert leg.done_min == leg.start_min + drive.loaded_min
            now, place = leg.done_min, drive.destination


@given(planned(), st.integers(0, 3))
@settings(max_examples=30)
def test_a_plan_is_never_dearer_than_first_come_nor_than_the_plan_it_began_with(
    case: tuple[RouteProblem, Routes], seed: int
) -> None:
    problem, start = case
    before = evaluate(problem, start)
    slack = 1e-9 * max(1.0, before, 1e10)
    assert evaluate(problem, search(problem, ROUNDS, seed, start)) <= before + slack
    anew = evaluate(problem, search(problem, ROUNDS, seed))
    assert anew <= evaluate(problem, first_come(problem))


@given(problems(), st.integers(0, 3))
@settings(max_examples=20)
def test_the_same_seed_gives_the_same_plan(problem: RouteProblem, seed: int) -> None:
    assert search(problem, ROUNDS, seed) == search(problem, ROUNDS, seed)


@st.composite
def tame(draw: st.DrawFn) -> tuple[RouteProblem, Routes]:
    """A plan whose times are whole minutes of one evening, so that costs can be told apart."""
    problem, routes = draw(planned())
    minutes = st.integers(-60, 120)
    moves = [
        Drive(
            drive.kind,
            drive.origin,
            drive.destination,
            draw(st.integers(0, 40)),
            0,
            draw(minutes),
            draw(minutes),
            drive.weight,
        )
        for drive in problem.moves
    ]
    ways = [[min(way, 90.0) for way in row] for row in problem.empty_min]
    there = [[min(way, 90.0) for way in row] for row in problem.arrival_min]
    return RouteProblem(problem.free_min, there, ways, moves, problem.prices), routes


@given(tame())
@settings(max_examples=50)
def test_a_trade_changes_the_cost_by_what_it_says(case: tuple[RouteProblem, Routes]) -> None:
    problem, routes = case
    book = RouteBook(problem)
    known = [book.route(runner, tuple(route)) for runner, route in enumerate(routes)]
    before = evaluate(problem, routes)
    assert sum(route.cost for route in known) == pytest.approx(before, abs=1e-6)
    for ours in known:
        for theirs in known[ours.runner + 1 :]:
            trade = best_trade(book, ours, theirs)
            if trade is not None:
                after = [list(route) for route in routes]
                after[ours.runner], after[theirs.runner] = list(trade.ours), list(trade.theirs)
                assert trade.change < 0
                change = evaluate(problem, after) - before
                assert change == pytest.approx(trade.change, abs=1e-6)


@given(tame())
@settings(max_examples=50)
def test_an_insertion_and_a_drop_cost_what_they_say(case: tuple[RouteProblem, Routes]) -> None:
    problem, routes = case
    book = RouteBook(problem)
    for runner, moves in enumerate(routes):
        route = book.route(runner, tuple(moves))
        for at, change in enumerate(book.dropped(route)):
            less = book.route(runner, (*route.moves[:at], *route.moves[at + 1 :]))
            assert less.cost - route.cost == pytest.approx(change, abs=1e-6)
            cost, to = book.insertion(less, route.moves[at])
            back = (*less.moves[:to], route.moves[at], *less.moves[to:])
            more = book.route(runner, back).cost - less.cost
            assert more == pytest.approx(cost, abs=1e-6)


@given(tame())
@settings(max_examples=50)
def test_a_better_order_has_the_same_drives_and_costs_no_more(
    case: tuple[RouteProblem, Routes],
) -> None:
    problem, routes = case
    book = RouteBook(problem)
    for runner, moves in enumerate(routes):
        route = book.route(runner, tuple(moves))
        ordered = reorder(book, route, lambda: False)
        assert sorted(ordered.moves) == sorted(moves)
        assert ordered.cost <= route.cost + 1e-9
        assert reorder(book, ordered, lambda: True) is ordered
