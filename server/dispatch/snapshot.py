"""What a planner is given and what it gives back. Plain values: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Runner:
    """Somebody who drives: at `place_id` and free from `free_at` on."""

    id: str
    place_id: str
    free_at: datetime


@dataclass(frozen=True, slots=True)
class WantedMove:
    """A drive that is wanted. `to_place_id` None: to whichever lot the planner picks.

    `known_at`: since when it is wanted; `release_at`: earliest start of the drive; `due_at`:
    when the driver wants the car (None: nobody waits for it).
    """

    visit_id: str
    kind: str
    from_place_id: str
    to_place_id: str | None
    known_at: datetime
    release_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Travel:
    """Seconds between two places: driving a car and travelling without one."""

    drive_s: int
    empty_s: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision may depend on.

    `travel` by (from, to); `far` where no time is known. `lots_near` gives for a place the
    lots by driving time, `free_stalls` the stalls left per lot. `handling_s` is added to
    each drive: fetching the key, starting, parking, hanging the key up. `arrivals`: cars being
    driven to a booth now (by visit) and when they are expected to stand there.
    """

    now: datetime
    runners: Sequence[Runner]
    moves: Sequence[WantedMove]
    travel: Mapping[tuple[str, str], Travel]
    far: Travel
    lots_near: Mapping[str, Sequence[str]]
    free_stalls: Mapping[str, int]
    handling_s: int
    arrivals: Mapping[str, datetime]

    def between(self, origin: str, destination: str) -> Travel:
        """The travel times from one place to another; zero to the same place."""
        if origin == destination:
            return Travel(0, 0)
        return self.travel.get((origin, destination), self.far)


@dataclass(frozen=True, slots=True)
class Job:
    """One move in a plan: who drives it, from when to when, and why they do (a catalog code)."""

    visit_id: str
    kind: str
    runner_id: str
    from_place_id: str
    to_place_id: str
    start_at: datetime
    done_at: datetime
    why: str


class Planner(Protocol):
    """A policy: the same snapshot gives the same jobs, in the order of their starts."""

    def __call__(self, snapshot: Snapshot) -> Sequence[Job]:
        """Plan every move for which there is a runner and a place to go."""
