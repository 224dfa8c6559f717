"""A snapshot's errands as plain numbers for the route search, and what a plan of them costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from schemas import states
from server.dispatch.errand import Errand, earliest_start
from server.dispatch.itinerary import beginning, reached_at
from server.dispatch.kerb_need import KerbNeed, kerb_needs
from server.dispatch.route_problem import Drive, Prices, RouteProblem, Routes, waiting_cost
from server.dispatch.snapshot import Runner, Snapshot, Window
from server.dispatch.timetable import Timetable, alone_table, shared_table

_MINUTE = timedelta(minutes=1)
_S_PER_MIN = 60


@dataclass(frozen=True, slots=True)
class Aims:
    """What a plan is to make small. Minutes, and prices in late minutes of a driver.

    `kerb_min`: how long a car may stand at a booth until its space is counted as missed.
    `booked_weight`: what a minute after a booked time costs more than one of waiting.
    `asked_weight`: of a car at the kerb that is parked although it was asked for. Another plan than
    the one in force has to gain `least_gain`. A break that begins within `break_ahead_min` is
    planned for like a drive, each minute that it is late at `break_weight`.
    """

    prices: Prices = field(default_factory=lambda: Prices(impatience=1.0))
    kerb_min: float = 20.0
    booked_weight: float = 1.5
    least_gain: float = 0.5
    break_ahead_min: int = 90
    break_weight: float = 10.0


@dataclass(frozen=True, slots=True)
class RouteModel:
    """The problem of some runners and errands. Its drives are the errands, in their order, and
    after them the runners' breaks."""

    snapshot: Snapshot
    runners: Sequence[Runner]
    errands: Sequence[Errand]
    problem: RouteProblem

    def errands_of(self, route: Sequence[int]) -> list[Errand]:
        """The errands of a route, without breaks."""
        return [self.errands[index] for index in route if index < len(self.errands)]

    def cost(self, routes: Routes) -> float:
        """What a plan costs by the times at which it can really be driven."""
        return self.timed(routes).cost

    def timed(self, routes: Routes) -> Timetable:
        """When a plan can really be driven: with colleagues riding along where that is cheaper."""
        errands = [self.errands_of(route) for route in routes]
        alone = self._priced(routes, alone_table(self.snapshot, self.runners, errands))
        if not self.snapshot.riding.seats:
            return alone
        shared = shared_table(self.snapshot, self.runners, errands)
        if not shared.rides:
            return alone
        shared = self._priced(routes, shared)
        return shared if shared.cost <= alone.cost else alone

    def _priced(self, routes: Routes, table: Timetable) -> Timetable:
        total, prices = 0.0, self.problem.prices
        for route, lines in zip(routes, table.lines, strict=True):
            real = [index for index in route if index < len(self.errands)]
            for index, line in zip(real, lines, strict=True):
                start_min = minutes(self.snapshot, line.step.start_at)
                total += waiting_cost(self.problem.moves[index], start_min, prices)
                total += prices.empty * ((line.step.arrival - line.at.free_at) / _MINUTE)
        return replace(table, cost=total)


def minutes(snapshot: Snapshot, at: datetime) -> float:
    """Minutes from now."""
    return (at - snapshot.now) / _MINUTE


def model_of(
    snapshot: Snapshot,
    runners: Sequence[Runner],
    errands: Sequence[Errand],
    aims: Aims,
    not_before: Mapping[int, datetime],
) -> RouteModel:
    """The model; `not_before`: releases of some errands that are later than they say."""
    breaks = list(_breaks(snapshot, runners, aims))
    nodes = _nodes(runners, errands)
    names = list(nodes)
    empty = [
        [snapshot.between(origin, to).empty_s / _S_PER_MIN for to in names] for origin in names
    ]
    needs = kerb_needs(snapshot, errands, aims.kerb_min)
    drives = [
        _drive(snapshot, nodes, errand, aims, needs.get(index), not_before.get(index))
        for index, errand in enumerate(errands)
    ]
    drives += [
        _break(snapshot, nodes[runners[index].place_id], window, aims) for index, window in breaks
    ]
    free = [minutes(snapshot, max(runner.free_at, snapshot.now)) for runner in runners]
    problem = RouteProblem(
        free_min=free,
        arrival_min=[
            _arrivals(snapshot, runner, since, names, empty[nodes[runner.place_id]])
            for runner, since in zip(runners, free, strict=True)
        ],
        empty_min=empty,
        moves=drives,
        prices=aims.prices,
        barred=_barred(runners, errands, [index for index, _ in breaks]),
    )
    return RouteModel(snapshot, runners, errands, problem)


def _nodes(runners: Sequence[Runner], errands: Sequence[Errand]) -> dict[str, int]:
    names = {runner.place_id for runner in runners}
    for errand in errands:
        names.update((errand.move.from_place_id, errand.to_place_id))
    return {name: node for node, name in enumerate(sorted(names))}


def _arrivals(
    snapshot: Snapshot, runner: Runner, free_min: float, names: Sequence[str], ways: Sequence[float]
) -> list[float]:
    if runner.sent_to is None:
        return [free_min + way for way in ways]
    at = beginning(snapshot, runner)
    return [minutes(snapshot, reached_at(snapshot, at, name)) for name in names]


def _drive(
    snapshot: Snapshot,
    nodes: Mapping[str, int],
    errand: Errand,
    aims: Aims,
    need: KerbNeed | None,
    not_before: datetime | None,
) -> Drive:
    move = errand.move
    loaded_min = errand.loaded_s / _S_PER_MIN
    release = earliest_start(errand, not_before or snapshot.now)
    due_min, weight, patience_min = minutes(snapshot, release) + aims.kerb_min, move.weight, None
    if move.due_at is not None:
        due_min = minutes(snapshot, move.due_at)
        weight *= aims.booked_weight if move.due_at > move.known_at else 1.0
        if move.promised_by is not None:
            patience_min = min(
                aims.prices.patience_min, max(0.0, minutes(snapshot, move.promised_by) - due_min)
            )
    elif need is not None:
        due_min, weight = need.due_min, weight * need.weight
    return Drive(
        kind=move.kind,
        origin=nodes[move.from_place_id],
        destination=nodes[errand.to_place_id],
        loaded_min=loaded_min,
        known_min=minutes(snapshot, move.known_at),
        release_min=minutes(snapshot, release),
        due_min=due_min,
        weight=weight,
        patience_min=patience_min,
    )


def _break(snapshot: Snapshot, node: int, window: Window, aims: Aims) -> Drive:
    from_min = minutes(snapshot, max(window.from_at, snapshot.now))
    return Drive(
        kind=states.PARK,
        origin=node,
        destination=node,
        loaded_min=minutes(snapshot, window.until_at) - from_min,
        known_min=from_min,
        release_min=from_min,
        due_min=from_min,
        weight=aims.break_weight,
    )


def _breaks(
    snapshot: Snapshot, runners: Sequence[Runner], aims: Aims
) -> Iterator[tuple[int, Window]]:
    horizon = snapshot.now + aims.break_ahead_min * _MINUTE
    for index, runner in enumerate(runners):
        for window in runner.breaks:
            if window.from_at < horizon and window.until_at > snapshot.now:
                yield index, window


def _barred(
    runners: Sequence[Runner], errands: Sequence[Errand], breaks: Sequence[int]
) -> Sequence[frozenset[int]]:
    special = [index for index, errand in enumerate(errands) if errand.move.needs]
    if not special and not breaks:
        return ()
    return [
        frozenset(_barred_of(at, runner, errands, special, breaks))
        for at, runner in enumerate(runners)
    ]


def _barred_of(
    at: int,
    runner: Runner,
    errands: Sequence[Errand],
    special: Collection[int],
    breaks: Sequence[int],
) -> Iterator[int]:
    yield from (index for index in special if not errands[index].may_be_done_by(runner))
    for number, owner in enumerate(breaks, start=len(errands)):
        if owner != at:
            yield number
