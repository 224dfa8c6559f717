"""From a plan to this minute's orders: who drives off, who sets out, who is called back."""

from __future__ import annotations

from collections.abc import Sequence

from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import DriveCar, Go, Observation, Order, RunnerSeen
from server.dispatch.policy_work import Work
from server.dispatch.route_problem import Prices, RouteProblem, Routes


def problem_of(
    ground: Ground, seen: Observation, work: Sequence[Work], prices: Prices
) -> RouteProblem:
    """The work as a problem: a runner under way without a car may turn at once."""
    return RouteProblem(
        free_min=[runner.free_min if runner.is_driving else seen.now for runner in seen.runners],
        arrival_min=[runner.reach_min for runner in seen.runners],
        empty_min=ground.empty_min,
        moves=[each.drive for each in work],
        prices=prices,
    )


def orders_of(seen: Observation, work: Sequence[Work], routes: Routes) -> dict[int, Order]:
    """What each runner who drives no car does now about the first drive of its route.

    It goes to the car at once, also to one that is only expected: where it waits is where work
    is coming. Whoever has nothing to do stays where it is, or goes on to where it was heading.
    """
    orders: dict[int, Order] = {}
    for index, (runner, route) in enumerate(zip(seen.runners, routes, strict=True)):
        if route and not runner.is_driving:
            order = _next(seen.now, runner, work[route[0]])
            if order is not None:
                orders[index] = order
    return orders


def _next(now: int, runner: RunnerSeen, work: Work) -> Order | None:
    drive = work.drive
    if runner.place != drive.origin or runner.free_min > now:
        return Go(drive.origin)
    if work.car is not None and drive.release_min <= now:
        return DriveCar(work.car)
    return None
