"""One runner's drives in a better order: earlier, later, or two of them changing places."""

from __future__ import annotations

from collections.abc import Callable

from server.dispatch.route_book import Moves, Route, RouteBook
from server.dispatch.route_trade import LEAST_GAIN


def reorder(book: RouteBook, route: Route, is_over: Callable[[], bool]) -> Route:
    """The same drives in an order that no single change makes better, if there is the time."""
    if route.is_ordered:
        return route
    quiet, at = 0, 0
    while quiet < len(route.moves):
        if is_over():
            return route
        order = _better_order(book, route, at)
        better = route if order is None else book.route(route.runner, order)
        if better.cost < route.cost:
            quiet, route = 0, better
        else:
            quiet, at = quiet + 1, (at + 1) % len(route.moves)
    route.is_ordered = True
    return route


def _better_order(book: RouteBook, route: Route, at: int) -> Moves | None:
    """The best change of the drive at one position with any later one.

    A change is looked at only if it can gain by what is cheap to know: the cost of the drive that
    comes first now, of the one that comes last (which ends about when the last one did), and that
    those in between cost at least nothing.
    """
    moves, rest = route.moves, route.rest
    best, found = -LEAST_GAIN, None
    loaded = book.terms[moves[at]][2]
    our_cost = rest[at] - rest[at + 1]
    for to in range(at + 1, len(moves)):
        other = moves[to]
        between = rest[at + 1] - rest[to]
        cost = rest[to] - rest[to + 1]
        first = _first(book, route, at, other) - cost
        final = _at(book, moves[at], route.ends[to + 1] - loaded) - our_cost
        changes = []
        if first + final - (between if book.terms[other][2] < loaded else 0.0) < best:
            changes.append((other, *moves[at + 1 : to], moves[at]))
        if to > at + 1:
            if first < best:
                changes.append((other, *moves[at:to]))
            if final - between - cost < best:
                changes.append((*moves[at + 1 : to + 1], moves[at]))
        for middle in changes:
            change = _cost(book, route, at, middle, best + rest[at]) - rest[at]
            if change < best:
                best, found = change, moves[:at] + middle + moves[to + 1 :]
    return found


def _first(book: RouteBook, route: Route, position: int, move: int) -> float:
    ways = book.terms[move][0]
    return _at(book, move, route.ends[position] + ways[route.nodes[position]])


def _at(book: RouteBook, move: int, arrival: float) -> float:
    _, release, _, _, base, slope, bend, more, bend2, more2 = book.terms[move]
    start = arrival
    if start < release:
        start = release
    cost = base + slope * start
    if start > bend:
        cost += more * (start - bend)
        if start > bend2:
            cost += more2 * (start - bend2)
    return cost


def _cost(book: RouteBook, route: Route, position: int, middle: Moves, limit: float) -> float:
    """What the route costs from `position` on if `middle` comes next and its own rest follows;
    anything above `limit` as soon as that is sure."""
    price, now, node = book.price, route.ends[position], route.nodes[position]
    cost = 0.0
    for move in middle:
        ways, release, loaded, destination, base, slope, bend, more, bend2, more2 = book.terms[move]
        way = ways[node]
        start = now + way
        if start < release:
            start = release
        cost += price * way + base + slope * start
        if start > bend:
            cost += more * (start - bend)
            if start > bend2:
                cost += more2 * (start - bend2)
        if cost > limit:
            return cost
        now, node = start + loaded, destination
    return cost + book.joined(route, position + len(middle), now, node)
