"""The planner's way through an evening: every minute, the best routes through known and expected
work, going on from the routes of the minute before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import Observation, Order
from server.dispatch.policy_habits import Habits
from server.dispatch.policy_steps import orders_of, problem_of
from server.dispatch.policy_work import Foresight, Work, all_work
from server.dispatch.route_problem import Routes
from server.dispatch.route_search import Budget, search

Key = tuple[str, int, int]
# Seeds of neighbouring evenings must not meet: an evening has fewer minutes.
_SEEDS_APART = 10_000


@dataclass(frozen=True, slots=True)
class SequenceSettings:
    """`rounds`: how long to search each minute; counted, so that a busy machine plans the same."""

    rounds: int = 12
    sight: Foresight = field(default_factory=Foresight)


class RollingSequence:
    """Plans all routes anew each minute and does only what has to be done in it."""

    def __init__(
        self, ground: Ground, runners: int, seed: int, settings: SequenceSettings | None = None
    ) -> None:
        """A policy for one evening."""
        self._ground = ground
        self._seed = seed
        self._settings = settings or SequenceSettings()
        self._habits = Habits(ground)
        self._routes: list[list[Key]] = [[] for _ in range(runners)]

    def decide(self, seen: Observation) -> Mapping[int, Order]:
        """This minute's orders."""
        self._habits.learn(seen)
        work = all_work(self._ground, seen, self._habits, self._settings.sight)
        problem = problem_of(self._ground, seen, work, self._settings.sight.prices)
        start = carried_over(self._routes, work)
        seed = self._seed * _SEEDS_APART + seen.now
        routes = search(problem, Budget(self._settings.rounds), seed, start)
        self._routes = [[work[index].key for index in route] for route in routes]
        return orders_of(seen, work, routes)


def carried_over(before: Sequence[Sequence[Key]], work: Sequence[Work]) -> Routes:
    """The routes of the last plan, without what is done or no longer expected."""
    at = {each.key: index for index, each in enumerate(work)}
    return [[at[key] for key in route if key in at] for route in before]
