"""Plays a night by events: the live planner decides by what the cloud knows, chance does the rest.

1. What happens in a second happens: cars come and are asked for, drives end, taps reach the cloud.
2. If the cloud learned something, or some time has passed, the planner plans, promises follow.
3. Runners without a car do what the plan says next: set out, take a car, wait.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from schemas import events, states
from schemas.events import Event
from schemas.visit import Fact
from server.config import load_config
from server.dispatch.plan import Plan, Planner
from server.dispatch.route_search import Budget
from server.dispatch.scenario_crowd import crowd
from server.dispatch.scenario_data import Car, Scenario, wish_min
from server.dispatch.snapshot import Snapshot
from server.dispatch.twin_cloud import Cloud
from server.dispatch.twin_policies import BUDGET, POLICIES
from server.dispatch.twin_promises import LiveWindows, TwinPromises
from server.dispatch.twin_rides import Rides
from server.dispatch.twin_runners import Crew
from server.dispatch.twin_street import WAY_IS_CLOSED, CarNow, Street
from server.dispatch.twin_times import Times
from server.dispatch.twin_trace import Asked, LegDone, Night

_READY_AT_KERB_S = 30
# Cars that nobody has brought so long after the night are left.
_LATEST_OVER_S = 6 * 3600

Happening = Callable[[], None]


def play_night(
    scenario: Scenario,
    policy: str | Planner = "live",
    seed: int = 1,
    budget: Budget | None = None,
    windows: LiveWindows | None = None,
) -> Night:
    """One night from its first car to its last. The same arguments, the same night.

    `windows`: what is promised, and what it has learned before; by default the live windows as
    they are configured, before they learned anything.
    """
    planner = POLICIES[policy] if isinstance(policy, str) else policy
    return _Play(scenario, planner, seed, budget or BUDGET, windows).run()


class _Play:
    """A night under way."""

    def __init__(
        self,
        scenario: Scenario,
        planner: Planner,
        seed: int,
        budget: Budget,
        windows: LiveWindows | None,
    ) -> None:
        self._scenario = scenario
        self._planner = planner
        self._seed = seed
        self._budget = budget
        self._times = Times(scenario, seed)
        self._street = Street(scenario)
        windows = windows or LiveWindows(load_config())
        self._cloud = Cloud(scenario, windows.config)
        self._crew = Crew(scenario, self._times)
        self._rides = Rides(self._cloud.riding)
        self._promises = TwinPromises(windows)
        self._heap: list[tuple[int, int, Happening]] = []
        self._number = 0
        self._now = 0
        self._tick_s = 0
        self._plan = Plan(())
        self._legs: list[LegDone] = []
        self._refused: Counter[str] = Counter()
        self._cpu_ms: list[float] = []
        for index, car in enumerate(crowd(scenario, seed)):
            self._expect(car, f"v{index:05d}")
        for shift in scenario.runners:
            self._at(shift.from_s, lambda name=shift.id: self._sign_on(name))  # type: ignore[misc]

    def run(self) -> Night:
        """To the end."""
        latest = self._scenario.length_s + _LATEST_OVER_S
        while self._heap and self._heap[0][0] <= latest:
            self._now = self._heap[0][0]
            while self._heap and self._heap[0][0] == self._now:
                heapq.heappop(self._heap)[2]()
            if self._cloud.news or self._now == self._tick_s:
                self._make_plan()
            self._instruct()
        return self._night()

    def _at(self, second: int, happening: Happening) -> None:
        self._number += 1
        heapq.heappush(self._heap, (second, self._number, happening))

    # What happens.

    def _expect(self, car: Car, visit_id: str) -> None:
        now = CarNow(car, visit_id, car.lot_id or car.booth_id)
        self._at(car.arrive_s, lambda: self._arrive(now))
        if car.ask_s is not None:
            self._at(car.ask_s, lambda: self._ask(now))

    def _arrive(self, car: CarNow) -> None:
        self._street.arrive(car, self._now)
        received = {
            "code": "T-0000",
            "key_tag": car.visit_id,
            "guest": {"ref": car.visit_id, "digest": ""},
            "language": "es",
            "handling": car.car.handling,
            "wish_min": wish_min(car.car),
        }
        self._tap(car, events.VISIT_RECEIVED, "valet", car.car.booth_id, received)
        if car.car.lot_id is not None:
            self._tap(car, events.CAR_PARKED, "valet", car.place_id, {"stall": car.stall})

    def _ask(self, car: CarNow) -> None:
        car.asked_s = self._now
        wanted = car.car.wanted_s
        asked = {
            "booth_id": car.return_booth_id,
            "wanted_at": None if wanted is None else self._scenario.at(wanted).isoformat(),
            "source": "driver",
        }
        self._tap(car, events.VISIT_REQUESTED, None, None, asked)
        ready_s = max(self._now + _READY_AT_KERB_S, wanted or 0)
        self._at(ready_s, lambda: self._bring_from_kerb(car))

    def _bring_from_kerb(self, car: CarNow) -> None:
        if self._street.bring_from_kerb(car, self._now):
            self._ready(car, "valet")

    def _ready(self, car: CarNow, actor: str) -> None:
        car.ready_s = self._now
        self._promises.ready(car.visit_id, self._scenario.at(self._now))
        self._tap(car, events.CAR_READY, actor, car.place_id, {})
        gone_s = max(self._now, car.car.wanted_s or 0) + self._times.take_s(car.visit_id)
        self._at(gone_s, lambda: self._hand_over(car))

    def _hand_over(self, car: CarNow) -> None:
        self._street.hand_over(car, self._now)
        proof = {"proof": states.PROOF_CLAIM_TAG}
        self._tap(car, events.VISIT_HANDED_OVER, "valet", car.place_id, proof)

    def _sign_on(self, runner_id: str) -> None:
        shift = self._crew.sign_on(runner_id, self._now)
        self._cloud.see(runner_id, shift.place_id, self._scenario.at(self._now))
        for _, until in shift.breaks:
            self._at(until, self._nothing)
        self._at(shift.until_s, self._nothing)

    def _nothing(self) -> None:
        """A moment at which somebody may have something to do."""

    def _tap(
        self,
        car: CarNow,
        kind: str,
        actor: str | None,
        place: str | None,
        data: Mapping[str, object],
    ) -> None:
        car.step += 1
        at = self._scenario.at(self._now)
        event = Event(
            id=f"{car.visit_id}-{car.step}",
            type=kind,
            seq=car.step,
            prev="",
            boot_id="",
            mono_ns=0,
            wall=at,
            wall_synced=True,
            actor=actor,
            place_id=place,
            visit_id=car.visit_id,
            step=car.step,
            data=data,
        )
        fact = Fact(place or "cloud", event, at)
        self._hear(place, lambda: self._cloud.tell(fact))

    def _hear(self, place_id: str | None, tell: Happening) -> None:
        """Let the cloud hear what a place says now, or when its line is back."""
        late_s = self._line_back_s(place_id)
        if late_s is None:
            tell()
        else:
            self._at(late_s, tell)

    def _line_back_s(self, place_id: str | None) -> int | None:
        """When what a place says now reaches the cloud; None: at once."""
        ends = [
            cut.until_s
            for cut in self._scenario.cut_offs
            if cut.place_id == place_id and cut.from_s <= self._now < cut.until_s
        ]
        return max(ends, default=None)

    # What is decided.

    def _make_plan(self) -> None:
        now = self._scenario.at(self._now)
        self._cloud.news = False
        snapshot = self._look(now)
        before = time.process_time()
        self._plan = self._planner(snapshot, self._seed, self._budget)
        self._cpu_ms.append((time.process_time() - before) * 1000)
        self._crew.heed(snapshot, self._plan)
        self._rides.heed(self._plan)
        self._promises.follow(self._plan, self._cloud.visits.values(), snapshot, now)
        if snapshot.moves or snapshot.arrivals:
            self._tick_s = self._now + self._scenario.plan_every_s
            self._at(self._tick_s, self._nothing)

    def _look(self, now: datetime) -> Snapshot:
        return self._cloud.snapshot(
            now,
            self._crew.at_work(self._now),
            self._crew.sent,
            self._promises.promised,
            self._crew.standing,
            self._rides,
        )

    def _instruct(self) -> None:
        for runner_id in self._crew.idle(self._now):
            self._step(runner_id)

    def _step(self, runner_id: str) -> None:
        """What a runner without a car does now."""
        crew = self._crew
        job = crew.next_job(runner_id, self._now)
        here = crew.stands_where(runner_id, self._now)
        if self._rides.next_from(runner_id, here, job) is not None:
            return
        if job is None:
            self._wait_or_help(runner_id)
            return
        if here != job.from_place_id:
            start_s = crew.leave_s(job)
            if start_s > self._now:
                self._at(start_s, self._nothing)
            else:
                self._go(runner_id, job.from_place_id)
            return
        start_s = crew.start_s(runner_id, job, self._now)
        if start_s <= self._now:
            there = self._there(here)
            start_s = self._rides.wait_until_s(
                runner_id, job.visit_id, self._now, crew.second, there
            )
        if start_s > self._now:
            self._at(start_s, self._nothing)
            return
        self._take(runner_id, job.visit_id, job.kind, job.to_place_id, job.to_stall)

    def _there(self, place_id: str) -> Callable[[str], bool]:
        """Whether somebody stands at that place and could get into a car."""
        idle = set(self._crew.idle(self._now))
        return lambda name: name in idle and self._crew.stands_at(name, place_id, self._now)

    def _wait_or_help(self, runner_id: str) -> None:
        place_id = self._crew.stands_where(runner_id, self._now)
        if place_id is not None and self._line_back_s(place_id) is not None:
            self._help(runner_id, place_id)
            return
        wait = self._plan.waits.get(runner_id)
        if wait is not None and wait != place_id:
            self._go(runner_id, wait)

    def _help(self, runner_id: str, place_id: str) -> None:
        """A booth without a line works on by itself: whoever stands there parks the oldest car."""
        cars = [
            car
            for car in self._street.cars.values()
            if car.place_id == place_id and car.state == states.AT_BOOTH and car.asked_s is None
            if self._crew.may_drive(runner_id, car.car)
        ]
        if cars:
            self._take(runner_id, cars[0].visit_id, states.PARK, self._cloud.lots_near(place_id)[0])

    def _go(self, runner_id: str, place_id: str) -> None:
        there_s = self._crew.go(runner_id, place_id, self._now, self._legs)
        self._at(there_s, self._nothing)

    def _take(
        self, runner_id: str, visit_id: str, kind: str, to: str, to_stall: str | None = None
    ) -> None:
        car = self._street.cars[visit_id]
        origin, blocked = car.place_id, self._street.stalls.in_front_of(visit_id)
        reason = self._street.take(car, kind, to, self._now)
        if self._crew.place_of(runner_id) != origin:
            reason = reason or "car_is_gone"
        if reason is not None:
            self._refused[reason] += 1
            self._at(self._crew.refuse(runner_id, visit_id, self._now), self._nothing)
            if reason == WAY_IS_CLOSED:
                self._cloud.hear_of_closures(self._scenario.at(self._now))
                self._at(self._now + 1, self._nothing)
            return
        took_s = self._times.drive_s(visit_id, car.drives, origin, to)
        took_s += self._times.shuffle_s(visit_id, car.drives, blocked)
        self._crew.drive(runner_id, visit_id, to, self._now, self._now + took_s, self._legs)
        self._tap(car, events.CAR_TAKEN, runner_id, origin, {"move": kind, "to_place_id": to})
        estimated_s = round(self._cloud.drive(origin, to).total_seconds())
        estimated_s += self._scenario.shuffle_s * blocked
        at = self._scenario.at
        self._legs.append(
            LegDone(
                kind,
                visit_id,
                origin,
                to,
                runner_id,
                at(self._now),
                at(self._now + took_s),
                estimated_s,
            )
        )
        for name in self._rides.board(visit_id, runner_id, self._there(origin)):
            self._crew.ride(name, visit_id, to, self._now, self._now + took_s, self._legs)
        self._at(self._now + took_s, lambda: self._put_down(car, runner_id, to_stall))

    def _put_down(self, car: CarNow, runner_id: str, to_stall: str | None) -> None:
        tap = self._street.put_down(car, self._now, to_stall)
        self._crew.put_down(runner_id, self._now)
        if tap == states.CAR_READY:
            self._ready(car, runner_id)
        else:
            self._tap(car, events.CAR_PARKED, runner_id, car.place_id, {"stall": car.stall})
        for name in self._rides.end(car.visit_id):
            self._crew.get_out(name, self._now)
            self._hear(
                car.place_id,
                partial(self._cloud.see, name, car.place_id, self._scenario.at(self._now)),
            )

    def _night(self) -> Night:
        cars = self._street.cars.values()
        asked = [self._asked(car) for car in cars if car.ready_s is not None]
        last_s = max((car.ready_s or 0 for car in cars), default=0)
        self._crew.end(self._now, self._legs)
        return Night(
            asked=tuple(sorted(asked, key=lambda each: (each.made_at, each.visit_id))),
            legs=tuple(sorted(self._legs, key=lambda leg: (leg.started_at, leg.runner_id))),
            overflow_s=dict(self._street.overflow_s),
            refused=dict(sorted(self._refused.items())),
            left=sum(car.asked_s is not None and car.ready_s is None for car in cars),
            at_work_s=sum(
                max(0, min(shift.until_s, max(last_s, self._scenario.length_s)) - shift.from_s)
                for shift in self._scenario.runners
            ),
            plans=len(self._cpu_ms),
            cpu_ms=self._cpu_ms,
            missed_rides=self._rides.missed,
        )

    def _asked(self, car: CarNow) -> Asked:
        assert car.asked_s is not None
        assert car.ready_s is not None
        at, told = self._scenario.at, self._promises.told.get(car.visit_id)
        wanted = None if car.car.wanted_s is None else at(car.car.wanted_s)
        return Asked(
            visit_id=car.visit_id,
            booth_id=car.return_booth_id,
            made_at=at(car.asked_s),
            wanted_at=wanted,
            from_place_id=told.from_place_id if told else car.place_id,
            car_state=told.car_state if told else states.AT_BOOTH,
            to_do=told.to_do if told else 0,
            estimate=told.estimate if told else None,
            ready_from=told.window.ready_from if told else None,
            ready_by=told.window.ready_by if told else None,
            told_by=told.told_by if told else None,
            ready_at=at(car.ready_s),
            moved=told.moved if told else 0,
        )
