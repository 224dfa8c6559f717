"""Promises of a played night: told by the live rules, kept or moved, and learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from schemas.visit import Visit
from server import calibration, conformal, promises
from server.config import Config
from server.conformal import Level
from server.dispatch.plan import Plan
from server.promises import Window


class LiveWindows:
    """The live windows, taught by the cars of this night alone: nothing is kept in a database."""

    def __init__(self, config: Config) -> None:
        """Nothing learned yet."""
        self.config = config
        self._aim = calibration.aim(config)
        self._levels: dict[str, Level] = {}
        self._scores: dict[str, list[float]] = {}

    def tell(self, now: datetime, estimate: datetime, wanted_at: datetime | None) -> Window:
        """What the driver is told."""
        kind = promises.kind_of(now, estimate, wanted_at)
        return promises.window(self.config, now, estimate, wanted_at, self._levels.get(kind))

    def learn(
        self,
        made_at: datetime,
        estimate: datetime,
        wanted_at: datetime | None,
        ready_by: datetime,
        ready_at: datetime,
    ) -> None:
        """A car that was promised is ready."""
        kind = promises.kind_of(made_at, estimate, wanted_at)
        scores = self._scores.setdefault(kind, [])
        scores.append(promises.lateness(self.config, made_at, estimate, wanted_at, ready_at))
        before = self._levels.get(kind, calibration.untaught(self.config)).missed
        missed = conformal.next_missed(before, self._aim, was_kept=ready_at <= ready_by)
        last = scores[-self.config.promise_memory_cars :]
        self._levels[kind] = conformal.level(last, missed, self._aim)


@dataclass(slots=True)
class Told:
    """What a driver was told: the first window, its estimate, the newest end, how often moved."""

    made_at: datetime
    estimate: datetime
    wanted_at: datetime | None
    window: Window
    told_by: datetime
    from_place_id: str
    car_state: str
    to_do: int
    moved: int = 0


class TwinPromises:
    """The promises that count, by visit."""

    def __init__(self, windows: LiveWindows) -> None:
        """`windows`: what is told, and what was learned before."""
        self._windows = windows
        self.told: dict[str, Told] = {}

    @property
    def promised(self) -> Mapping[str, datetime]:
        """Until when each car was promised."""
        return {visit_id: told.told_by for visit_id, told in self.told.items()}

    def follow(self, plan: Plan, visits: Iterable[Visit], to_do: int, now: datetime) -> None:
        """Promise what is new, move what cannot hold."""
        for visit in visits:
            request = visit.request
            if request is None or visit.car in (states.READY, states.REPARKING):
                continue
            wanted = max(now, request.wanted_at or now)
            is_here = visit.car == states.AT_BOOTH and visit.place_id == request.booth_id
            estimate = wanted if is_here else plan.ready.get(visit.id)
            if estimate is not None:
                self._keep_or_move(visit, max(estimate, wanted), to_do, now)

    def _keep_or_move(self, visit: Visit, estimate: datetime, to_do: int, now: datetime) -> None:
        request, told = visit.request, self.told.get(visit.id)
        assert request is not None
        wanted = request.wanted_at
        if told is None:
            window = self._windows.tell(now, estimate, wanted)
            place = visit.destination_id or visit.place_id
            self.told[visit.id] = Told(
                now, estimate, wanted, window, window.ready_by, place, visit.car, to_do
            )
        elif estimate > told.told_by + timedelta(seconds=self._windows.config.promise_move_s):
            told.told_by = self._windows.tell(now, estimate, wanted).ready_by
            told.moved += 1

    def ready(self, visit_id: str, now: datetime) -> None:
        """A car stands ready: learn from it."""
        told = self.told.get(visit_id)
        if told is not None:
            self._windows.learn(
                told.made_at, told.estimate, told.wanted_at, told.window.ready_by, now
            )
