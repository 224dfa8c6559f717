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
from server.dispatch.snapshot import Snapshot
from server.promises import Window


class LiveWindows:
    """The live windows, taught by the cars of this night alone: nothing is kept in a database."""

    def __init__(self, config: Config) -> None:
        """Nothing learned yet."""
        self.config = config
        self._aim = calibration.aim(config)
        self._levels: dict[str, Level] = {}
        self._scores: dict[str, list[float]] = {}

    def tell(
        self,
        now: datetime,
        estimate: datetime,
        wanted_at: datetime | None,
        *,
        in_rush: bool = False,
    ) -> Window:
        """What the driver is told."""
        kind = promises.kind_of(now, estimate, wanted_at, in_rush=in_rush)
        level = self._levels.get(kind)
        return promises.window(self.config, now, estimate, wanted_at, level, in_rush=in_rush)

    def learn(
        self,
        made_at: datetime,
        estimate: datetime,
        wanted_at: datetime | None,
        ready_by: datetime,
        ready_at: datetime,
        *,
        in_rush: bool = False,
    ) -> None:
        """A car that was promised is ready."""
        kind = promises.kind_of(made_at, estimate, wanted_at, in_rush=in_rush)
        scores = self._scores.setdefault(kind, [])
        late = promises.lateness(self.config, made_at, estimate, wanted_at, ready_at, kind)
        scores.append(late)
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
    in_rush: bool
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

    def follow(
        self, plan: Plan, visits: Iterable[Visit], snapshot: Snapshot, now: datetime
    ) -> None:
        """Promise what is new, move what cannot hold."""
        asked = [
            (visit, visit.request)
            for visit in visits
            if visit.request is not None and visit.car not in promises.KEPT
        ]
        in_line = sum(promises.waits(now, request.wanted_at) for _, request in asked)
        for visit, request in asked:
            others = in_line - promises.waits(now, request.wanted_at)
            in_rush = promises.is_rush(self._windows.config, others, len(snapshot.runners))
            wanted = max(now, request.wanted_at or now)
            is_here = visit.car in states.RESTING and visit.place_id == request.booth_id
            estimate = wanted if is_here else plan.ready.get(visit.id)
            if estimate is not None:
                estimate = max(estimate, wanted)
                self._keep_or_move(visit, estimate, len(snapshot.moves), now, in_rush=in_rush)

    def _keep_or_move(
        self, visit: Visit, estimate: datetime, to_do: int, now: datetime, *, in_rush: bool
    ) -> None:
        request, told = visit.request, self.told.get(visit.id)
        assert request is not None
        wanted = request.wanted_at
        if told is None:
            window = self._windows.tell(now, estimate, wanted, in_rush=in_rush)
            place = visit.destination_id or visit.place_id
            self.told[visit.id] = Told(
                now, estimate, wanted, window, window.ready_by, place, visit.car, to_do, in_rush
            )
        elif estimate > told.told_by + timedelta(seconds=self._windows.config.promise_move_s):
            told.told_by = self._windows.tell(now, estimate, wanted, in_rush=in_rush).ready_by
            told.moved += 1

    def ready(self, visit_id: str, now: datetime) -> None:
        """A car stands ready: learn from it."""
        told = self.told.get(visit_id)
        if told is not None:
            self._windows.learn(
                told.made_at,
                told.estimate,
                told.wanted_at,
                told.window.ready_by,
                now,
                in_rush=told.in_rush,
            )
