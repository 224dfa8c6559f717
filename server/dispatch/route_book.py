"""Routes as values that remember what was asked of them.

A search looks at the same few routes again and again: most of what it tries is thrown away. So a
route is never changed; a new one is made, and each keeps the answers it gave: what its rest costs
if reached at another minute, where another drive fits best, what it saves to take one out. With
these, every change of a plan is priced in constant time but for the first time it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from schemas import states
from server.dispatch.route_problem import NEVER_MIN, Drive, Prices, RouteProblem, patience_min

Moves = tuple[int, ...]
# Of one drive: the way to its origin by place, release, minutes loaded, destination, and what its
# start costs: constant + slope * start, and more per minute after a first and a second bend.
Terms = tuple[list[float], float, float, int, float, float, float, float, float, float]


class Route:
    """What one runner does in order. `ends[p]` and `nodes[p]`: when and where the runner is free
    before the p-th drive; `rest[p]`: what the drives from the p-th on cost."""

    __slots__ = (
        "cost",
        "drops",
        "ends",
        "inserts",
        "is_ordered",
        "moves",
        "nodes",
        "puts",
        "rest",
        "runner",
        "tails",
    )

    def __init__(
        self, runner: int, moves: Moves, ends: list[float], nodes: list[int], rest: list[float]
    ) -> None:
        """A route and its answers, of which there are none yet."""
        self.runner = runner
        self.moves = moves
        self.ends = ends
        self.nodes = nodes
        self.rest = rest
        self.cost = rest[0]
        self.is_ordered = len(moves) < 2
        self.tails: list[dict[float, float]] = [{} for _ in moves]
        self.puts: list[dict[int, float]] = [{} for _ in moves]
        self.inserts: dict[int, tuple[float, int]] = {}
        self.drops: list[float] | None = None


class RouteBook:
    """Makes the routes of one problem and prices changes of them.

    Runners begin at nodes of their own, after the problem's nodes: so the way to the first drive
    is like any other. A time that is not known is `NEVER_MIN`.
    """

    def __init__(self, problem: RouteProblem) -> None:
        """Take the problem apart into one tuple of plain numbers per drive."""
        self.free = list(problem.free_min)
        self.price = problem.prices.empty
        self.barred = problem.barred
        self._first_node = len(problem.empty_min)
        into = _ways(problem)
        self.terms: list[Terms] = [
            (
                into[drive.origin],
                drive.release_min,
                drive.loaded_min,
                drive.destination,
                *_bends(drive, problem.prices),
            )
            for drive in problem.moves
        ]
        self._known: dict[tuple[int, Moves], Route] = {}

    def __len__(self) -> int:
        """How many routes are remembered."""
        return len(self._known)

    def forget(self, kept: Sequence[Route]) -> list[Route]:
        """Forget all routes; `kept` made anew, without what they remembered."""
        self._known.clear()
        return [self.route(route.runner, route.moves) for route in kept]

    def route(self, runner: int, moves: Moves) -> Route:
        """The route of this runner with these drives."""
        key = runner, moves
        known = self._known.get(key)
        if known is not None:
            return known
        price, now, node = self.price, self.free[runner], self._first_node + runner
        ends, nodes, costs = [now], [node], []
        for move in moves:
            ways, release, loaded, destination, base, slope, bend, more, bend2, more2 = self.terms[
                move
            ]
            way = ways[node]
            start = now + way
            if start < release:
                start = release
            cost = price * way + base + slope * start
            if start > bend:
                cost += more * (start - bend)
                if start > bend2:
                    cost += more2 * (start - bend2)
            costs.append(cost)
            now, node = start + loaded, destination
            ends.append(now)
            nodes.append(node)
        rest = [0.0]
        for cost in reversed(costs):
            rest.append(rest[-1] + cost)
        rest.reverse()
        made = self._known[key] = Route(runner, moves, ends, nodes, rest)
        return made

    def tail(self, route: Route, position: int, arrival: float) -> float:
        """What the drives from `position` on cost if the first is reached at `arrival`, without
        the way to it. Callers look into `route.tails` first."""
        price, moves, nodes = self.price, route.moves, route.nodes
        total, now = 0.0, arrival
        for at in range(position, len(moves)):
            ways, release, loaded, _, base, slope, bend, more, bend2, more2 = self.terms[moves[at]]
            if at > position:
                way = ways[nodes[at]]
                now += way
                total += price * way
            if now < release:
                now = release
            total += base + slope * now
            if now > bend:
                total += more * (now - bend)
                if now > bend2:
                    total += more2 * (now - bend2)
            now += loaded
        route.tails[position][arrival] = total
        return total

    def insertion(self, route: Route, move: int) -> tuple[float, int]:
        """What it costs to have this drive too, at its best position, and which that is."""
        known = route.inserts.get(move)
        if known is not None:
            return known
        if self.barred and move in self.barred[route.runner]:
            route.inserts[move] = never = math.inf, 0
            return never
        price, terms, moves, rest = self.price, self.terms, route.moves, route.rest
        ways, release, loaded, destination, base, slope, bend, more, bend2, more2 = terms[move]
        best, best_at, last = math.inf, 0, len(moves)
        for at, node in enumerate(route.nodes):
            way = ways[node]
            start = route.ends[at] + way
            if start < release:
                start = release
            cost = price * way + base + slope * start
            if start > bend:
                cost += more * (start - bend)
                if start > bend2:
                    cost += more2 * (start - bend2)
            # The rest gains next to nothing by waiting: no need to look at it.
            if cost >= best:
                continue
            if at < last:
                way = terms[moves[at]][0][destination]
                arrival = start + loaded + way
                tail = route.tails[at].get(arrival)
                if tail is None:
                    tail = self.tail(route, at, arrival)
                cost += price * way + tail - rest[at]
            if cost < best:
                best, best_at = cost, at
        found = route.inserts[move] = best, best_at
        return found

    def put(self, route: Route, position: int, move: int) -> float:
        """What it costs more to have this drive in place of the one at `position`."""
        known = route.puts[position].get(move)
        if known is not None:
            return known
        if self.barred and move in self.barred[route.runner]:
            route.puts[position][move] = math.inf
            return math.inf
        ways, release, loaded, destination, base, slope, bend, more, bend2, more2 = self.terms[move]
        way = ways[route.nodes[position]]
        start = route.ends[position] + way
        if start < release:
            start = release
        cost = self.price * way + base + slope * start - route.rest[position]
        if start > bend:
            cost += more * (start - bend)
            if start > bend2:
                cost += more2 * (start - bend2)
        if position + 1 < len(route.moves):
            cost += self.joined(route, position + 1, start + loaded, destination)
        route.puts[position][move] = cost
        return cost

    def joined(self, route: Route, position: int, end: float, node: int) -> float:
        """What the drives from `position` on cost with the way to them, for a runner who is free
        at `end` at `node`."""
        if position == len(route.moves):
            return 0.0
        way = self.terms[route.moves[position]][0][node]
        tail = route.tails[position].get(end + way)
        if tail is None:
            tail = self.tail(route, position, end + way)
        return self.price * way + tail

    def first_free_tail(self, route: Route, runner: int) -> int:
        """The first position from which on this other runner may do all of a route's drives."""
        if not self.barred or not self.barred[runner]:
            return 0
        barred = self.barred[runner]
        return 1 + max((at for at, move in enumerate(route.moves) if move in barred), default=-1)

    def dropped(self, route: Route) -> list[float]:
        """Per position, what it costs more (saves, mostly) to leave that drive out."""
        if route.drops is None:
            route.drops = [
                self.joined(route, at + 1, route.ends[at], route.nodes[at]) - route.rest[at]
                for at in range(len(route.moves))
            ]
        return route.drops


def total(routes: Iterable[Route]) -> float:
    """What these routes cost together."""
    return sum(route.cost for route in routes)


def _ways(problem: RouteProblem) -> list[list[float]]:
    """Empty minutes by where to and where from: the nodes, then each runner's own place."""
    count = len(problem.empty_min)
    return [
        [min(problem.empty_min[origin][node], NEVER_MIN) for origin in range(count)]
        + [
            min(arrival[node] - free, NEVER_MIN)
            for free, arrival in zip(problem.free_min, problem.arrival_min, strict=True)
        ]
        for node in range(count)
    ]


def _bends(drive: Drive, prices: Prices) -> tuple[float, float, float, float, float, float]:
    """The cost of a start as a line with two bends: see `route_problem.waiting_cost`."""
    weight = drive.weight
    if drive.kind == states.RETRIEVE:
        slope, in_time = -weight * prices.early, drive.due_min - drive.loaded_min
        more, more2 = weight * (prices.early + prices.late), weight * prices.impatience
        bend2 = in_time + patience_min(drive, prices)
        return -slope * in_time, slope, in_time, more, bend2, more2
    slope = weight * prices.park_wait
    return -slope * drive.release_min, slope, drive.due_min, weight * prices.kerb, math.inf, 0.0
