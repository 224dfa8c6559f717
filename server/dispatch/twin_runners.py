"""The people of a played night: where each truly is, and what each was told to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from server.dispatch.plan import Job, Plan
from server.dispatch.scenario_data import Car, Scenario, Shift
from server.dispatch.snapshot import Snapshot
from server.dispatch.twin_cloud import Sent
from server.dispatch.twin_street import RunnerNow
from server.dispatch.twin_times import Times
from server.dispatch.twin_trace import EMPTY, RIDE, LegDone

_FAR_S = 600
# What could not be done is tried again after so long, if it is still in the plan.
TRY_AGAIN_S = 300


class Crew:
    """Everybody who drives in one night."""

    def __init__(self, scenario: Scenario, times: Times) -> None:
        """Nobody at work yet."""
        self._scenario = scenario
        self._times = times
        self._shifts = {shift.id: shift for shift in scenario.runners}
        self._on: dict[str, RunnerNow] = {}
        self._jobs: dict[str, list[Job]] = {}
        self._release: Mapping[str, datetime] = {}
        self._refused: dict[tuple[str, str], int] = {}
        self.sent: dict[str, Sent] = {}

    def sign_on(self, runner_id: str, now_s: int) -> Shift:
        """A shift begins."""
        shift = self._shifts[runner_id]
        self._on[runner_id] = RunnerNow(shift, self._times.runner(runner_id), shift.place_id)
        return shift

    def at_work(self, now_s: int) -> list[str]:
        """Who can be planned with; whose shift ends in a car brings it first."""
        return [
            name
            for name, runner in self._on.items()
            if now_s < runner.shift.until_s or runner.is_driving or runner.is_riding
        ]

    def idle(self, now_s: int) -> list[str]:
        """Who has no car and no break, in an order that does not change."""
        return [
            name
            for name, runner in self._on.items()
            if not runner.is_driving
            and not runner.is_riding
            and now_s < runner.shift.until_s
            and not any(start <= now_s < end for start, end in runner.shift.breaks)
        ]

    def heed(self, snapshot: Snapshot, plan: Plan) -> None:
        """A new plan is there."""
        self._jobs = {}
        self._release = {move.visit_id: move.release_at for move in snapshot.moves}
        for job in plan.jobs:
            self._jobs.setdefault(job.runner_id, []).append(job)

    @property
    def standing(self) -> Mapping[str, Sequence[str]]:
        """The plan in force."""
        return {name: [job.visit_id for job in jobs] for name, jobs in self._jobs.items()}

    def next_job(self, runner_id: str, now_s: int) -> Job | None:
        """What a runner is to do next, but for what just turned out not to be possible."""
        for job in self._jobs.get(runner_id, ()):
            if self._refused.get((runner_id, job.visit_id), 0) <= now_s:
                return job
        return None

    def refuse(self, runner_id: str, visit_id: str, now_s: int) -> int:
        """What a runner was told could not be done; when to try again."""
        again_s = now_s + TRY_AGAIN_S
        self._refused[runner_id, visit_id] = again_s
        return again_s

    def may_drive(self, runner_id: str, car: Car) -> bool:
        """Whether a runner may drive a car."""
        return self._shifts[runner_id].may_drive(car)

    def place_of(self, runner_id: str) -> str:
        """Where a runner stands or is going."""
        return self._on[runner_id].place_id

    def stands_where(self, runner_id: str, now_s: int) -> str | None:
        """The place at which a runner stands; None on the way."""
        runner = self._on[runner_id]
        return runner.place_id if runner.there_s <= now_s else None

    def stands_at(self, runner_id: str, place_id: str, now_s: int) -> bool:
        """Whether a runner is there."""
        return self.stands_where(runner_id, now_s) == place_id

    def leave_s(self, job: Job) -> int:
        """When to set out for a job."""
        return 0 if job.leave_at is None else self.second(job.leave_at)

    def start_s(self, runner_id: str, job: Job, now_s: int) -> int:
        """When a runner who stands there may drive off: not before the car is released, nor into
        a closure or a break that the plan waits for."""
        release_s = max(now_s, self.second(self._release.get(job.visit_id, job.start_at)))
        if job.why.startswith("after_"):
            return max(release_s, self.second(job.start_at))
        return release_s

    def second(self, at: datetime) -> int:
        """A time as a second of the night."""
        return round((at - self._scenario.starts_at).total_seconds())

    def go(self, runner_id: str, place_id: str, now_s: int, legs: list[LegDone]) -> int:
        """Let a runner set out without a car, from between places too; when it will be there."""
        runner = self._on[runner_id]
        if runner.place_id == place_id:
            return runner.there_s
        estimate_s = self._estimate_s(runner, place_id, now_s)
        if runner.there_s > now_s:
            self._write_way(runner, None, now_s, legs)
            ago = now_s - runner.since_s
            anchors = [(name, seconds + ago) for name, seconds in runner.anchors]
            runner.anchors = [*anchors, (runner.place_id, runner.there_s - now_s)][-3:]
        else:
            self._write_way(runner, runner.place_id, now_s, legs)
            runner.anchors = [(runner.place_id, 0)]
            runner.left_id = runner.place_id
        true_s = round(estimate_s * self._times.empty_factor(runner.dice))
        runner.place_id, runner.since_s, runner.there_s = place_id, now_s, now_s + true_s
        runner.is_moving = True
        at = self._scenario.at
        self.sent[runner_id] = Sent(runner.left_id, at(now_s), place_id, at(now_s + estimate_s))
        return runner.there_s

    def _estimate_s(self, runner: RunnerNow, place_id: str, now_s: int) -> int:
        onward = max(0, runner.there_s - now_s)
        ways = [onward + self._empty_s(runner.place_id, place_id)]
        if onward:
            ago = now_s - runner.since_s
            ways += [
                seconds + ago + self._empty_s(name, place_id) for name, seconds in runner.anchors
            ]
        return min(ways)

    def _empty_s(self, origin: str, to: str) -> int:
        if origin == to:
            return 0
        times = self._scenario.travel.get((origin, to))
        return _FAR_S if times is None else times.empty_s

    def _write_way(
        self, runner: RunnerNow, to: str | None, now_s: int, legs: list[LegDone]
    ) -> None:
        if not runner.is_moving:
            return
        end_s = min(now_s, runner.there_s)
        at, sent = self._scenario.at, self.sent[runner.shift.id]
        estimated_s = round((sent.there_at - sent.left_at).total_seconds())
        runner.is_moving = False
        if end_s > runner.since_s:
            legs.append(
                LegDone(
                    EMPTY,
                    None,
                    runner.left_id,
                    to,
                    runner.shift.id,
                    at(runner.since_s),
                    at(end_s),
                    estimated_s,
                )
            )

    def drive(
        self, runner_id: str, visit_id: str, to: str, now_s: int, done_s: int, legs: list[LegDone]
    ) -> None:
        """A runner drives off."""
        runner = self._on[runner_id]
        self._write_way(runner, runner.place_id, now_s, legs)
        self.sent.pop(runner_id, None)
        runner.visit_id, runner.place_id, runner.there_s = visit_id, to, done_s

    def put_down(self, runner_id: str, now_s: int) -> None:
        """A runner has brought a car."""
        runner = self._on[runner_id]
        runner.visit_id, runner.there_s, runner.left_id = None, now_s, runner.place_id

    def ride(
        self, runner_id: str, visit_id: str, to: str, now_s: int, done_s: int, legs: list[LegDone]
    ) -> None:
        """A runner goes along in a car that a colleague drives."""
        runner, at = self._on[runner_id], self._scenario.at
        origin = runner.place_id
        self._write_way(runner, origin, now_s, legs)
        self.sent.pop(runner_id, None)
        runner.is_riding, runner.place_id, runner.there_s = True, to, done_s
        legs.append(
            LegDone(RIDE, visit_id, origin, to, runner_id, at(now_s), at(done_s), done_s - now_s)
        )

    def get_out(self, runner_id: str, now_s: int) -> None:
        """The car has arrived."""
        runner = self._on[runner_id]
        runner.is_riding, runner.there_s, runner.left_id = False, now_s, runner.place_id

    def end(self, now_s: int, legs: list[LegDone]) -> None:
        """The night is over: write down the ways that nobody went on from."""
        for runner in self._on.values():
            self._write_way(runner, runner.place_id, now_s, legs)
