"""What two runners can do better between them: give a drive, swap two, exchange their tails."""

from __future__ import annotations

from dataclasses import dataclass

from server.dispatch.route_book import Moves, Route, RouteBook

# Less than this is rounding.
LEAST_GAIN = 1e-7


@dataclass(frozen=True, slots=True)
class Trade:
    """What two routes become, and by how much the plan gets dearer (below zero)."""

    change: float
    ours: Moves
    theirs: Moves


def best_trade(book: RouteBook, ours: Route, theirs: Route) -> Trade | None:
    """The best of all trades between two routes; None if none gains."""
    trade = _give(book, ours, theirs, None)
    back = _give(book, theirs, ours, trade)
    if back is not None and back is not trade:
        trade = Trade(back.change, back.theirs, back.ours)
    trade = _swap(book, ours, theirs, trade)
    return _cross(book, ours, theirs, trade)


def _give(book: RouteBook, giver: Route, taker: Route, trade: Trade | None) -> Trade | None:
    """One drive goes over."""
    best = -LEAST_GAIN if trade is None else trade.change
    known = taker.inserts.get
    found = None
    for at, move in enumerate(giver.moves):
        insertion = known(move) or book.insertion(taker, move)
        change = book.dropped(giver)[at] + insertion[0]
        if change < best:
            best, found = change, (at, insertion[1])
    if found is None:
        return trade
    at, to = found
    moves, taken = giver.moves, taker.moves
    return Trade(best, moves[:at] + moves[at + 1 :], (*taken[:to], moves[at], *taken[to:]))


def _swap(book: RouteBook, ours: Route, theirs: Route, trade: Trade | None) -> Trade | None:
    """Two drives change places."""
    best = -LEAST_GAIN if trade is None else trade.change
    found = None
    rest, their_moves = theirs.rest, theirs.moves
    for at, move in enumerate(ours.moves):
        known = ours.puts[at].get
        for to, other in enumerate(their_moves):
            change = known(other)
            if change is None:
                change = book.put(ours, at, other)
            if change - rest[to] >= best:
                continue
            back = theirs.puts[to].get(move)
            change += book.put(theirs, to, move) if back is None else back
            if change < best:
                best, found = change, (at, to)
    if found is None:
        return trade
    at, to = found
    moves = ours.moves
    return Trade(
        best,
        (*moves[:at], their_moves[to], *moves[at + 1 :]),
        (*their_moves[:to], moves[at], *their_moves[to + 1 :]),
    )


def _cross(book: RouteBook, ours: Route, theirs: Route, trade: Trade | None) -> Trade | None:
    """Each goes on with what the other had to do."""
    best = -LEAST_GAIN if trade is None else trade.change
    found = None
    price, terms, tail = book.price, book.terms, book.tail
    our_ways = [terms[move][0] for move in ours.moves]
    their_ways = [terms[move][0] for move in theirs.moves]
    ends, nodes, rest = theirs.ends, theirs.nodes, theirs.rest
    from_at = book.first_free_tail(ours, theirs.runner)
    from_to = book.first_free_tail(theirs, ours.runner)
    places = list(enumerate(zip(ours.ends, ours.nodes, ours.rest, strict=True)))[from_at:]
    to_ways = list(enumerate(their_ways))[from_to:]
    for at, (end, node, our_rest) in places:
        for to, ways in to_ways:
            way = ways[node]
            cost = theirs.tails[to].get(end + way)
            if cost is None:
                cost = tail(theirs, to, end + way)
            change = price * way + cost - rest[to] - our_rest
            if change >= best:
                continue
            if at < len(our_ways):
                way = our_ways[at][nodes[to]]
                cost = ours.tails[at].get(ends[to] + way)
                if cost is None:
                    cost = tail(ours, at, ends[to] + way)
                change += price * way + cost
            if change < best:
                best, found = change, (at, to)
        if at < len(our_ways):
            to = len(their_ways)
            change = book.joined(ours, at, ends[to], nodes[to]) - our_rest
            if change < best:
                best, found = change, (at, to)
    if found is None:
        return trade
    at, to = found
    return Trade(best, ours.moves[:at] + theirs.moves[to:], theirs.moves[:to] + ours.moves[at:])
