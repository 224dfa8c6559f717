"""When the drives of given routes happen: each runner by own ways, or riding along with colleagues.

A drive is fixed in the order of its start. By then it is known who stands where it begins: whoever
is nearer to the next car in that one than on foot goes along, as many as there are seats, those
first who gain most. Nobody's ride makes anybody later but by the moment that a driver waits.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.dispatch.errand import Errand, earliest_start
from server.dispatch.itinerary import Line, Step, Whereabouts, after, beginning, by_ride, step, walk
from server.dispatch.plan import Ride
from server.dispatch.snapshot import Runner, Snapshot

_S = timedelta(seconds=1)
_NOTHING = timedelta()

Errands = Sequence[Sequence[Errand]]


@dataclass(frozen=True, slots=True)
class Timetable:
    """`lines`: per runner what is done, in order. `rides` in the order of their starts. `cost`: by
    whatever prices it was valued at."""

    lines: Sequence[Sequence[Line]]
    rides: Sequence[Ride] = ()
    cost: float = 0.0


def alone_table(snapshot: Snapshot, runners: Sequence[Runner], routes: Errands) -> Timetable:
    """Everybody by own ways."""
    pairs = zip(runners, routes, strict=True)
    return Timetable([list(walk(snapshot, runner, route)) for runner, route in pairs])


def shared_table(snapshot: Snapshot, runners: Sequence[Runner], routes: Errands) -> Timetable:
    """Whoever gets on sooner with a colleague rides along."""
    return _Shared(snapshot, runners, routes).table()


@dataclass(slots=True)
class _Journey:
    """One runner's way through the route: `lines` are fixed, `step` is the next if nothing comes
    in between, `ride` the one that leads to it."""

    route: Sequence[Errand]
    at: Whereabouts
    lines: list[Line]
    step: Step | None = None
    ride: Ride | None = None
    turn: int = 0

    @property
    def coming(self) -> Errand | None:
        return self.route[len(self.lines)] if len(self.lines) < len(self.route) else None


class _Shared:
    """A timetable under way."""

    def __init__(self, snapshot: Snapshot, runners: Sequence[Runner], routes: Errands) -> None:
        self._snapshot = snapshot
        self._rules = snapshot.riding
        self._rides: list[Ride] = []
        self._starts: list[tuple[datetime, int, int]] = []
        self._journeys = [
            _Journey(route, beginning(snapshot, runner), [])
            for runner, route in zip(runners, routes, strict=True)
        ]
        # A car that somebody was told to go along in, and that is still to be driven by another.
        self._promised = {
            passenger: visit_id
            for passenger, visit_id in snapshot.rides.items()
            for runner, route in zip(runners, routes, strict=True)
            if runner.id != passenger and any(each.move.visit_id == visit_id for each in route)
        }

    def table(self) -> Timetable:
        for number in range(len(self._journeys)):
            self._look_ahead(number)
        while self._starts:
            _, number, turn = heapq.heappop(self._starts)
            if turn == self._journeys[number].turn:
                self._fix(number)
        return Timetable([journey.lines for journey in self._journeys], self._rides)

    def _look_ahead(self, number: int) -> None:
        journey = self._journeys[number]
        coming = journey.coming
        if coming is None:
            journey.step = None
            return
        if journey.ride is None:
            journey.step = step(self._snapshot, journey.at, coming)
        else:
            journey.step = by_ride(self._snapshot, journey.at, coming, journey.ride)
        journey.turn += 1
        heapq.heappush(self._starts, (journey.step.start_at, number, journey.turn))

    def _fix(self, number: int) -> None:
        """The next errand of this runner happens, with whoever goes along."""
        journey = self._journeys[number]
        errand, taken = journey.coming, journey.step
        assert errand is not None
        assert taken is not None
        along = [] if errand.is_expected else self._along(number, errand, taken)
        if along:
            taken = self._waiting(journey.at, errand, taken, along)
        journey.lines.append(Line(journey.at, errand, taken, journey.ride))
        driver_id = journey.at.runner.id
        journey.at, journey.ride = after(journey.at, errand, taken.done_at), None
        self._look_ahead(number)
        for other in along:
            passenger = self._journeys[other]
            passenger.ride = Ride(
                passenger_id=passenger.at.runner.id,
                driver_id=driver_id,
                visit_id=errand.move.visit_id,
                from_place_id=errand.move.from_place_id,
                to_place_id=errand.to_place_id,
                start_at=taken.start_at,
                done_at=taken.done_at,
            )
            self._rides.append(passenger.ride)
            self._look_ahead(other)

    def _waiting(self, at: Whereabouts, errand: Errand, taken: Step, along: list[int]) -> Step:
        """The drive when all who go along are there."""
        start = max(taken.start_at, *(self._journeys[other].at.free_at for other in along))
        if start == taken.start_at:
            return taken
        return Step(taken.leave_at, taken.arrival, start, start + errand.loaded)

    def _along(self, number: int, errand: Errand, taken: Step) -> list[int]:
        """Who goes along: those first who were told so, then those who gain most."""
        gains = []
        for other, journey in enumerate(self._journeys):
            if other != number and journey.at.place_id == errand.move.from_place_id:
                gain = self._gain(journey, errand, taken)
                if gain is not None:
                    is_told = self._promised.get(journey.at.runner.id) == errand.move.visit_id
                    gains.append((not is_told, -gain, journey.at.runner.id, other))
        if not gains:
            return []
        along = [other for *_, other in sorted(gains)[: self._rules.seats]]
        late = max(self._journeys[other].at.free_at for other in along)
        at = self._journeys[number].at
        if late > taken.start_at:
            way = taken.arrival - at.free_at
            if earliest_start(errand, late, way, at.runner.breaks) > late:
                return [o for o in along if self._journeys[o].at.free_at <= taken.start_at]
        return along

    def _gain(self, journey: _Journey, errand: Errand, taken: Step) -> timedelta | None:
        """How much sooner somebody is at the next car who goes along; None if not worth it."""
        at, coming = journey.at, journey.coming
        wait = max(_NOTHING, at.free_at - taken.start_at)
        if journey.ride is not None or wait > self._rules.wait_s * _S or not _stands(at):
            return None
        promised = self._promised.get(at.runner.id) if at.is_at_start else None
        is_told = promised == errand.move.visit_id
        if not is_told and (promised is not None or (at.is_at_start and at.runner.is_away)):
            return None
        if coming is None or journey.step is None:
            # Nothing to drive, but told to go along: to where the next car is expected.
            return _NOTHING if is_told and at.is_at_start else None
        onward = self._snapshot.between(errand.to_place_id, coming.move.from_place_id).empty_s * _S
        there_at = taken.done_at + wait + onward
        gain = journey.step.arrival - there_at
        least = _NOTHING if is_told else self._rules.gain_s * _S + 2 * wait
        has_break = any(
            each.from_at < there_at and each.until_at > at.free_at for each in at.runner.breaks
        )
        return None if gain < least or has_break else gain


def _stands(at: Whereabouts) -> bool:
    """Whether the runner is where it says, and on no way of its own."""
    return not at.is_at_start or at.runner.sent_to is None
