"""What is truly so during a played night: cars, kerbs, stalls and people. No decisions.

A car moves by the live table of `schemas.states`: what that does not allow does not happen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from schemas import states
from server.dispatch.scenario_data import Car, Scenario, Shift
from server.dispatch.twin_stalls import Stalls

WAY_IS_CLOSED = "way_is_closed"


@dataclass(slots=True)
class CarNow:
    """A car that came. `place_id`: where it stands, or is being driven to (`is_driven`)."""

    car: Car
    visit_id: str
    place_id: str
    state: str = states.AT_BOOTH
    is_driven: bool = False
    step: int = 0
    drives: int = 0
    stall: str | None = None
    asked_s: int | None = None
    ready_s: int | None = None

    @property
    def return_booth_id(self) -> str:
        """Where its driver wants it."""
        return self.car.return_booth_id or self.car.booth_id


@dataclass(slots=True)
class RunnerNow:
    """A runner: standing at `place_id`, or on the way to it, there at `there_s`.

    On the way without a car, `anchors` are places and how many seconds ago the runner was there,
    or would have been: to turn back takes as long.
    """

    shift: Shift
    dice: Random
    place_id: str
    there_s: int = 0
    since_s: int = 0
    visit_id: str | None = None
    is_riding: bool = False
    is_moving: bool = False
    left_id: str = ""
    anchors: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_driving(self) -> bool:
        """Whether in a car."""
        return self.visit_id is not None


class Street:
    """The district of one night."""

    def __init__(self, scenario: Scenario) -> None:
        """Empty streets."""
        self._scenario = scenario
        self.cars: dict[str, CarNow] = {}
        self._at_kerb: Counter[str] = Counter()
        self._in_lot: Counter[str] = Counter()
        self.staged: Counter[str] = Counter()
        self.stalls = Stalls(scenario.places)
        self._since: dict[str, int] = {}
        self.overflow_s: dict[str, int] = dict.fromkeys(scenario.booths, 0)

    def is_closed(self, origin: str, to: str, now_s: int) -> bool:
        """Whether no car can be driven that way now."""
        return any(
            closure.from_s <= now_s < closure.until_s
            and (closure.leg == (origin, to) or closure.place_id in (origin, to))
            for closure in self._scenario.closures
        )

    def arrive(self, car: CarNow, now_s: int) -> None:
        """A car stands at its booth, or has stood in its lot all the while."""
        self.cars[car.visit_id] = car
        if car.car.lot_id is not None:
            car.state = states.PARKED
            car.stall = self.stalls.put(car.visit_id, car.place_id, None)
            self._in_lot[car.place_id] += 1
        else:
            self._kerb(car.place_id, 1, now_s)

    def take(self, car: CarNow, move: str, to: str, now_s: int) -> str | None:
        """Drive a car off; the reason why that cannot be, or None."""
        after = states.CAR[car.state].get(f"car.taken/{move}")
        if after is None or car.is_driven:
            return "car_is_gone"
        if self.is_closed(car.place_id, to, now_s):
            return WAY_IS_CLOSED
        place = self._scenario.places[to]
        is_lot = to in self._in_lot or to in self._scenario.lots
        if is_lot and self._in_lot[to] >= place.stalls:
            return "lot_is_full"
        self._leave(car, now_s)
        if is_lot:
            self._in_lot[to] += 1
        car.state, car.is_driven, car.place_id = after, True, to
        car.drives += 1
        return None

    def put_down(self, car: CarNow, now_s: int, to_stall: str | None = None) -> str:
        """A drive has ended; which tap that is. `to_stall`: where the plan would put it."""
        is_booth = car.place_id in self.overflow_s
        is_staged = is_booth and car.state == states.TO_LOT and not self._is_asked_here(car)
        tap = states.CAR_READY if is_booth and not is_staged else states.CAR_PARKED
        car.state, car.is_driven = states.CAR[car.state][tap], False
        if is_staged:
            self.staged[car.place_id] += 1
        elif is_booth:
            self._kerb(car.place_id, 1, now_s)
        else:
            car.stall = self.stalls.put(car.visit_id, car.place_id, to_stall)
        return tap

    def _is_asked_here(self, car: CarNow) -> bool:
        return car.asked_s is not None and car.place_id == car.return_booth_id

    def bring_from_kerb(self, car: CarNow, now_s: int) -> bool:
        """The car was never driven away, or was staged: it is ready where it stands, if that is
        where. A staged one is driven up to the kerb, where its driver gets in."""
        if car.state not in states.RESTING or car.is_driven or not self._is_asked_here(car):
            return False
        if car.state == states.PARKED:
            self.staged[car.place_id] -= 1
            self._kerb(car.place_id, 1, now_s)
        car.state = states.CAR[car.state][states.CAR_READY]
        return True

    def hand_over(self, car: CarNow, now_s: int) -> None:
        """The driver has driven off."""
        car.state = states.CAR[car.state][states.CAR_HANDED_OVER]
        self._kerb(car.place_id, -1, now_s)

    def _leave(self, car: CarNow, now_s: int) -> None:
        if car.place_id in self.overflow_s and car.state == states.PARKED:
            self.staged[car.place_id] -= 1
        elif car.place_id in self.overflow_s:
            self._kerb(car.place_id, -1, now_s)
        else:
            self._in_lot[car.place_id] -= 1
            self.stalls.take(car.visit_id)
            car.stall = None

    def _kerb(self, booth_id: str, change: int, now_s: int) -> None:
        over = self._at_kerb[booth_id] - self._scenario.places[booth_id].kerb_spaces
        if over > 0:
            self.overflow_s[booth_id] += over * (now_s - self._since[booth_id])
        self._since[booth_id] = now_s
        self._at_kerb[booth_id] += change
