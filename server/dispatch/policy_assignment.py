"""One drive for each runner, cheapest together, every minute anew: it plans no further."""

from __future__ import annotations

from collections.abc import Mapping

from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import Observation, Order, RunnerSeen
from server.dispatch.policy_habits import Habits
from server.dispatch.policy_matching import cheapest_pairs
from server.dispatch.policy_steps import orders_of
from server.dispatch.policy_work import Foresight, Work, all_work
from server.dispatch.route_problem import Prices, waiting_cost

# What is not taken now is thought to be taken so many minutes after the soonest start.
_ELSE_LATER_MIN = 20


class Assignment:
    """Pairs the runners with the known and the expected drives."""

    def __init__(self, ground: Ground, runners: int, seed: int) -> None:
        """A policy for one evening; it needs no chance."""
        self._ground = ground
        self._habits = Habits(ground)
        self._sight = Foresight()

    def decide(self, seen: Observation) -> Mapping[int, Order]:
        """This minute's orders."""
        self._habits.learn(seen)
        work = all_work(self._ground, seen, self._habits, self._sight)
        later = [_later_cost(each, self._sight.prices) for each in work]
        costs = [
            [
                _cost(seen, runner, each, self._sight.prices) - otherwise
                for each, otherwise in zip(work, later, strict=True)
            ]
            for runner in seen.runners
        ]
        pairs = cheapest_pairs(costs) if work else [None] * len(seen.runners)
        return orders_of(seen, work, [[] if index is None else [index] for index in pairs])


def _cost(seen: Observation, runner: RunnerSeen, work: Work, prices: Prices) -> float:
    arrival = runner.reach_min[work.drive.origin]
    since = runner.free_min if runner.is_driving else seen.now
    start = max(arrival, work.drive.release_min)
    return waiting_cost(work.drive, start, prices) + prices.empty * (arrival - since)


def _later_cost(work: Work, prices: Prices) -> float:
    return waiting_cost(work.drive, work.drive.release_min + _ELSE_LATER_MIN, prices)
