"""Searching for a good plan, for as long as there is time: the same seed and rounds, the same plan.

1. The drives are put in one after the other, by when they should start, each where it costs least.
2. Two runners at a time give, swap and cross their drives until nothing gains (`route_trade`).
3. Again and again a few drives are taken out, put back with some routes overlooked, and the routes
   that changed are improved as in 2; what is no worse, or by chance a little worse, is gone on
   with, and the best is kept.

Of many runners only a group is looked at for each drive and in each round, drawn anew: that is
what keeps their cost from growing with the number of runners.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from server.dispatch.route_baseline import first_come
from server.dispatch.route_book import Route, RouteBook, total
from server.dispatch.route_order import reorder
from server.dispatch.route_problem import RouteProblem, Routes, evaluate
from server.dispatch.route_trade import LEAST_GAIN, best_trade

GROUP = 40
# The share of the seconds in which the last round comes to its end.
TO_FINISH = 0.05
# Routes remembered at a time; each remembers up to some 25 kB in the end.
MOST_ROUTES = 4_000
MOST_TAKEN_OUT = 5
OVERLOOKED = 0.1
# How much worse than the last a plan may be and still be gone on with: in shares of the mean cost
# of a drive, the scale of an exponential draw.
WORSE = 0.05


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search: at most so many rounds, and at most `seconds` on `clock`."""

    rounds: int
    seconds: float = math.inf
    clock: Callable[[], float] | None = None

    def alarm(self) -> Callable[[], bool]:
        """From now on: whether the seconds are over."""
        clock = self.clock
        if clock is None:
            return lambda: False
        end = clock() + self.seconds * (1 - TO_FINISH)
        return lambda: clock() >= end


def search(
    problem: RouteProblem, budget: Budget, seed: int, start: Routes | None = None
) -> list[list[int]]:
    """A plan of all drives, never dearer than first come first served nor than `start`.

    `start`: an earlier plan to begin with. Its drives are indices of this problem; those it lacks
    are put in. Nobody at work and no drives give an empty plan; drives and nobody, `ValueError`.
    """
    is_over = budget.alarm()
    if not problem.moves:
        return [[] for _ in problem.free_min]
    if not problem.free_min:
        raise ValueError("there are drives and nobody to drive them")
    baseline = first_come(problem)
    random = Random(seed)  # noqa: S311 (chance that can be repeated, no secret)
    under_way = _Search(RouteBook(problem), random, is_over)
    under_way.begin([tuple(route) for route in start or ((),) * len(problem.free_min)])
    under_way.improve_all()
    under_way.go_on(budget.rounds)
    found = [list(route.moves) for route in under_way.best]
    return min(found, baseline, key=lambda routes: evaluate(problem, routes))


def complete(problem: RouteProblem, seed: int, start: Routes) -> list[list[int]]:
    """`start` with the drives that it lacks, each put in where it costs least."""
    under_way = _Search(RouteBook(problem), Random(seed), lambda: False)  # noqa: S311 (as above)
    under_way.begin([tuple(route) for route in start])
    return [list(route.moves) for route in under_way.best]


class _Search:
    """A plan under way."""

    def __init__(self, book: RouteBook, random: Random, is_over: Callable[[], bool]) -> None:
        self._book = book
        self._random = random
        self._is_over = is_over
        self._routes: list[Route] = []
        self.best: list[Route] = []

    def begin(self, start: Sequence[tuple[int, ...]]) -> None:
        """Put in every drive that `start` lacks, the most urgent first."""
        book = self._book
        self._routes = [book.route(runner, moves) for runner, moves in enumerate(start)]
        given = {move for moves in start for move in moves}
        wanted = [max(terms[1], terms[6]) for terms in book.terms]
        missing = [move for move in range(len(wanted)) if move not in given]
        for move in sorted(missing, key=wanted.__getitem__):
            self._put_in([move], self._group(), 0.0)
        self.best = list(self._routes)

    def improve_all(self) -> None:
        """Each group of routes once."""
        order = list(range(len(self._routes)))
        if len(order) > GROUP:
            self._random.shuffle(order)
        for first in range(0, len(order), GROUP):
            group = order[first : first + GROUP]
            self._improve(group, group)
        self.best = list(self._routes)

    def _improve(self, members: Sequence[int], dirty: Iterable[int]) -> None:
        """Trade between the routes of `members` until nothing gains; those not `dirty` have
        nothing to gain among themselves."""
        book, routes = self._book, self._routes
        waiting = deque(dirty)
        queued = set(waiting)
        while waiting and not self._is_over():
            runner = waiting.popleft()
            queued.discard(runner)
            routes[runner] = ours = reorder(book, routes[runner], self._is_over)
            for other in members:
                if other == runner:
                    continue
                trade = best_trade(book, ours, routes[other])
                if trade is None:
                    continue
                after = book.route(runner, trade.ours), book.route(other, trade.theirs)
                # Where rounding hides the gain, two routes could be traded to and fro for ever.
                if after[0].cost + after[1].cost >= ours.cost + routes[other].cost:
                    continue
                routes[runner], routes[other] = after
                for changed in (runner, other):
                    if changed not in queued:
                        queued.add(changed)
                        waiting.append(changed)
                break

    def go_on(self, rounds: int) -> None:
        """Kick and improve."""
        random = self._random
        cost = least = total(self._routes)
        scale = WORSE * cost / len(self._book.terms)
        for _ in range(rounds):
            if self._is_over():
                return
            before = list(self._routes)
            group = self._group()
            changed = self._kick(group)
            self._improve(group, changed)
            now = total(self._routes)
            if now > cost + scale * random.expovariate(1.0):
                self._routes = before
                continue
            cost = now
            if now < least - LEAST_GAIN:
                least, self.best = now, list(self._routes)
            if len(self._book) > MOST_ROUTES:
                self._routes = self._book.forget(self._routes)

    def _group(self) -> Sequence[int]:
        """The runners to look at: all, or as many as can be looked at, drawn anew."""
        everybody = range(len(self._routes))
        if len(everybody) <= GROUP:
            return everybody
        return self._random.sample(everybody, GROUP)

    def _kick(self, group: Sequence[int]) -> list[int]:
        """Take a few drives out and put them back elsewhere; which routes are others now."""
        random, routes = self._random, self._routes
        before = {runner: routes[runner] for runner in group}
        drives = [move for runner in group for move in routes[runner].moves]
        count = min(len(drives), random.randint(2, MOST_TAKEN_OUT))
        out = random.sample(drives, count)
        if len(group) == 1:
            self._shuffle(group[0], out)
        else:
            for runner in group:
                moves = routes[runner].moves
                kept = tuple(move for move in moves if move not in out)
                if len(kept) < len(moves):
                    routes[runner] = self._book.route(runner, kept)
            self._put_in(out, group, OVERLOOKED)
        return [runner for runner, route in before.items() if routes[runner] is not route]

    def _shuffle(self, runner: int, out: Sequence[int]) -> None:
        moves = list(self._routes[runner].moves)
        places = [moves.index(move) for move in out]
        for place, move in zip(places, [*out[1:], *out[:1]], strict=True):
            moves[place] = move
        self._routes[runner] = self._book.route(runner, tuple(moves))

    def _put_in(self, drives: Iterable[int], group: Sequence[int], overlooked: float) -> None:
        """Each drive to where it costs least, overlooking a route now and then."""
        book, routes, random = self._book, self._routes, self._random
        for move in drives:
            best, best_at, chosen = math.inf, 0, group[0]
            for runner in group:
                route = routes[runner]
                insertion = route.inserts.get(move) or book.insertion(route, move)
                if insertion[0] < best and (not overlooked or random.random() >= overlooked):
                    best, best_at = insertion
                    chosen = runner
            if best == math.inf and book.barred:
                _, best_at, chosen = min(
                    (*book.insertion(route, move), runner) for runner, route in enumerate(routes)
                )
            moves = routes[chosen].moves
            routes[chosen] = book.route(chosen, (*moves[:best_at], move, *moves[best_at:]))
