"""The physics of an evening: who is where, what may be ordered, what that does. No decisions.

One minute: cars that arrive and wishes that are made are known, drives that end have ended, then
orders are taken. A car occupies the kerb of its booth until the minute its drive to the lot
starts, and again from its return until its driver has taken it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.dispatch.evening_data import Car, Evening, Ground
from server.dispatch.evening_seen import (
    AT_KERB,
    PARKED,
    TO_BOOTH,
    TO_LOT,
    CarSeen,
    DriveCar,
    Go,
    KerbStay,
    Observation,
    Order,
    RequestSeen,
    RunnerSeen,
)

PARK = "park"
RETRIEVE = "retrieve"
EMPTY = "empty"


class OrderRefused(Exception):
    """A policy ordered what cannot be done. `code` says what."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Leg:
    """One thing a runner did over [start, end): a drive of a car, or a way without one.

    `destination` None: the way was broken off, the runner was sent elsewhere from between.
    `origin` None: it began between places.
    """

    runner: int
    kind: str
    car: int | None
    origin: int | None
    destination: int | None
    start_min: int
    end_min: int


@dataclass(slots=True)
class _Runner:
    place: int
    free_min: int
    is_driving: bool
    is_moving: bool
    # Without a car: since when, how far each node was then, and which place that was, if any.
    since_min: int
    reach: Sequence[int]
    left: int | None


@dataclass(slots=True)
class _CarState:
    car: Car
    stage: str
    stage_min: int


class Twin:
    """An evening under way. `legs` is its trace: every drive, and every way made without a car."""

    def __init__(self, evening: Evening, runners: int) -> None:
        self.ground: Ground = evening.ground
        self.now = -1
        self.legs: list[Leg] = []
        self._coming = sorted(range(len(evening.cars)), key=lambda i: evening.cars[i].arrive_min)
        self._cars = evening.cars
        self._here: dict[int, _CarState] = {}
        self._stays: list[KerbStay] = []
        self._runners = [self._at_start(index) for index in range(runners)]

    def _at_start(self, index: int) -> _Runner:
        place = index % self.ground.booths
        return _Runner(
            place=place,
            free_min=0,
            is_driving=False,
            is_moving=False,
            since_min=0,
            reach=self.ground.empty_min[place],
            left=place,
        )

    @property
    def is_over(self) -> bool:
        """Whether every car came and was brought back."""
        return not self._coming and not self._here and self.now >= 0

    def next_minute(self) -> Observation:
        """Let the next minute begin, and show it."""
        self.now += 1
        while self._coming and self._cars[self._coming[0]].arrive_min <= self.now:
            index = self._coming.pop(0)
            self._here[index] = _CarState(self._cars[index], AT_KERB, self.now)
        for index, state in list(self._here.items()):
            if state.stage_min <= self.now and state.stage == TO_LOT:
                state.stage = PARKED
            elif state.stage_min <= self.now and state.stage == TO_BOOTH:
                del self._here[index]
        for index, runner in enumerate(self._runners):
            if runner.free_min <= self.now:
                self._let_stand(index, runner)
        self._stays = [stay for stay in self._stays if stay.until_min > self.now]
        return self._observe()

    def _let_stand(self, index: int, runner: _Runner) -> None:
        if runner.is_moving and not runner.is_driving:
            self._write_way(index, runner, runner.place)
        runner.is_driving = runner.is_moving = False
        runner.free_min = runner.since_min = self.now
        runner.left = runner.place
        runner.reach = self.ground.empty_min[runner.place]

    def _observe(self) -> Observation:
        return Observation(
            now=self.now,
            runners=tuple(map(self._runner_seen, self._runners)),
            cars=tuple(self._car_seen(index, state) for index, state in self._here.items()),
            kerb_stays=tuple(self._stays),
        )

    def _runner_seen(self, runner: _Runner) -> RunnerSeen:
        reach = tuple(self.now + minutes for minutes in self._reach(runner))
        return RunnerSeen(runner.place, runner.free_min, runner.is_driving, reach)

    def _reach(self, runner: _Runner) -> list[int]:
        """Minutes from now to each node: on to where it is heading, or back to where it was."""
        onward = runner.free_min - self.now
        from_there = self.ground.empty_min[runner.place]
        ahead = [onward + minutes for minutes in from_there]
        ahead[runner.place] = onward
        if runner.is_driving:
            return ahead
        back = self.now - runner.since_min
        return [min(on, back + then) for on, then in zip(ahead, runner.reach, strict=True)]

    def _car_seen(self, index: int, state: _CarState) -> CarSeen:
        car, request = state.car, None
        if car.ask_min <= self.now:
            request = RequestSeen(car.ask_min, car.want_min, car.return_booth)
        return CarSeen(
            car=index,
            booth=car.booth,
            arrive_min=car.arrive_min,
            lot=car.lot,
            stage=state.stage,
            stage_min=state.stage_min,
            request=request,
        )

    def obey(self, orders: Mapping[int, Order]) -> None:
        """Carry out a minute's orders. Raises `OrderRefused` for one that cannot be."""
        for index, order in sorted(orders.items()):
            if not 0 <= index < len(self._runners):
                raise OrderRefused("no_such_runner", str(index))
            runner = self._runners[index]
            if runner.is_driving:
                raise OrderRefused("runner_is_driving", f"runner {index}")
            if isinstance(order, Go):
                self._go(index, runner, order.place)
            else:
                self._drive(index, runner, order)

    def _go(self, index: int, runner: _Runner, place: int) -> None:
        if not 0 <= place < self.ground.nodes:
            raise OrderRefused("no_such_place", str(place))
        if place == runner.place:
            return
        left, reach = runner.left, self._reach(runner)
        if runner.is_moving and self.now > runner.since_min:
            self._write_way(index, runner, None)
            left = None
        runner.left, runner.since_min, runner.reach = left, self.now, reach
        runner.place, runner.free_min, runner.is_moving = place, self.now + reach[place], True

    def _write_way(self, index: int, runner: _Runner, destination: int | None) -> None:
        self.legs.append(
            Leg(index, EMPTY, None, runner.left, destination, runner.since_min, self.now)
        )

    def _drive(self, index: int, runner: _Runner, order: DriveCar) -> None:
        state = self._here.get(order.car)
        if state is None:
            raise OrderRefused("car_is_not_here", f"car {order.car}")
        kind, origin, destination = self._move_of(order.car, state)
        if runner.free_min > self.now or runner.place != origin:
            raise OrderRefused("runner_is_elsewhere", f"runner {index}, car {order.car}")
        car, end = state.car, self.now + self.ground.loaded_min(origin, destination)
        if kind == RETRIEVE and end < car.want_min - self.ground.scheduled_may_be_early_min:
            raise OrderRefused("too_early", f"car {order.car}")
        state.stage, state.stage_min = (TO_LOT if kind == PARK else TO_BOOTH), end
        self.legs.append(Leg(index, kind, order.car, origin, destination, self.now, end))
        runner.place, runner.free_min = destination, end
        runner.is_driving = runner.is_moving = True
        if kind == RETRIEVE:
            until = max(end, car.want_min) + self.ground.owner_takes_car_after_min
            self._stays.append(KerbStay(destination, end, until))

    def _move_of(self, index: int, state: _CarState) -> tuple[str, int, int]:
        if state.stage == AT_KERB:
            return PARK, state.car.booth, state.car.lot
        if state.stage != PARKED:
            raise OrderRefused("car_is_being_driven", f"car {index}")
        if state.car.ask_min > self.now:
            raise OrderRefused("car_was_not_asked_for", f"car {index}")
        return RETRIEVE, state.car.lot, state.car.return_booth
