"""Rides of a played night: who was told to go along with whom, who truly did, who was missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from server.dispatch.plan import Job, Plan, Ride
from server.dispatch.snapshot import Riding


class Rides:
    """Everybody in somebody else's car. A driver waits for who was told to come, not for long; who
    is not there then goes by own way."""

    def __init__(self, rules: Riding) -> None:
        """Nobody rides yet."""
        self._rules = rules
        self._told: dict[str, Ride] = {}
        self._ready_s: dict[tuple[str, str], int] = {}
        self.riding: dict[str, str] = {}
        self.missed = 0

    @property
    def told(self) -> Mapping[str, str]:
        """Who is to go along, by the plan in force: per runner the visit of the car."""
        return {name: ride.visit_id for name, ride in self._told.items()}

    def heed(self, plan: Plan) -> None:
        """A new plan is there."""
        self._told = {}
        for ride in plan.rides:
            self._told.setdefault(ride.passenger_id, ride)

    def next_from(self, runner_id: str, place_id: str | None, job: Job | None) -> Ride | None:
        """The ride for which a runner waits at a place before anything else, if there is one."""
        ride = self._told.get(runner_id)
        if ride is None or ride.from_place_id != place_id:
            return None
        return ride if job is None or job.rides_in == ride.visit_id else None

    def wait_until_s(
        self,
        driver_id: str,
        visit_id: str,
        now_s: int,
        second: Callable[[datetime], int],
        is_there: Callable[[str], bool],
    ) -> int:
        """Until when a driver who could drive off now waits for who is to come along; now, if all
        are there or it has been long enough."""
        ready_s = self._ready_s.setdefault((driver_id, visit_id), now_s)
        late = [
            ride
            for ride in self._told.values()
            if ride.visit_id == visit_id and not is_there(ride.passenger_id)
        ]
        latest_s = ready_s + self._rules.wait_s
        if any(second(ride.start_at) <= latest_s for ride in late):
            return max(now_s, latest_s)
        return now_s

    def board(self, visit_id: str, driver_id: str, is_there: Callable[[str], bool]) -> list[str]:
        """A car drives off: who is in it beside the driver. The others have missed it."""
        along: list[str] = []
        for name, ride in list(self._told.items()):
            if ride.visit_id != visit_id or name == driver_id:
                continue
            del self._told[name]
            if is_there(name) and len(along) < self._rules.seats:
                along.append(name)
                self.riding[name] = visit_id
            else:
                self.missed += 1
        return along

    def end(self, visit_id: str) -> list[str]:
        """A car has arrived: who gets out."""
        out = [name for name, car in self.riding.items() if car == visit_id]
        for name in out:
            del self.riding[name]
        return out
