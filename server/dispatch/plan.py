"""What a planner gives back: who drives what next, in which order, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Snapshot

# Why a runner takes a car: catalog codes, most of them about the place `why_place_id`.
WHY_NEAREST = "nearest_free"
WHY_FIRST_BACK = "first_back"
# The drive begins where the runner leaves the car before it: nobody travels empty for it.
WHY_ON_THE_WAY = "on_the_way"
# The runner is there first and waits: the car may not leave earlier.
WHY_BOOKED = "booked"
# The way, the place or the runner's break keeps the car until then.
WHY_CLOSURE = "after_closure"
WHY_BREAK = "after_break"
# Nobody has asked for it: a runner is idle, and cars that have stayed so long are asked for soon.
WHY_STAGED = "staged"
# The runner gets there in a car that a colleague drives from that place.
WHY_RIDES = "rides_along"
WHYS = (
    *(WHY_NEAREST, WHY_FIRST_BACK, WHY_ON_THE_WAY, WHY_BOOKED, WHY_CLOSURE, WHY_BREAK),
    *(WHY_STAGED, WHY_RIDES),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One move in a plan: who drives it, from when to when, and why they do (a catalog code).

    `leave_at`: when the runner sets out for the car. `why_place_id`: the place that the reason is
    about, where the runner comes from. `to_stall`: where it is best put, in a lot with rows.
    `blocked_by`: the visits whose cars have to be moved first; the time for it is in the job's.
    `rides_in`: the visit of the car in which the runner gets there, or nearer.
    """

    visit_id: str
    kind: str
    runner_id: str
    from_place_id: str
    to_place_id: str
    start_at: datetime
    done_at: datetime
    why: str
    why_place_id: str | None = None
    leave_at: datetime | None = None
    to_stall: str | None = None
    blocked_by: Sequence[str] = ()
    rides_in: str | None = None


@dataclass(frozen=True, slots=True)
class Ride:
    """A runner without a car goes along in one that a colleague drives anyway."""

    passenger_id: str
    driver_id: str
    visit_id: str
    from_place_id: str
    to_place_id: str
    start_at: datetime
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """`jobs` in the order of their starts; `ready`: per requested car when it is estimated to
    stand where it is wanted; `waits`: where runners without a job wait best; `rides`: who goes
    along with whom, in the order of their starts.

    `cost` and `baseline_cost` are in the planner's own prices: late minutes of a driver.
    `is_cut`: the time guard ended the search, so another machine may find another plan.
    """

    jobs: Sequence[Job]
    ready: Mapping[str, datetime] = field(default_factory=dict)
    waits: Mapping[str, str] = field(default_factory=dict)
    rides: Sequence[Ride] = ()
    cost: float = 0.0
    baseline_cost: float = 0.0
    policy: str = ""
    is_cut: bool = False


class Planner(Protocol):
    """A policy: the same snapshot, seed and rounds give the same plan."""

    def __call__(self, snapshot: Snapshot, seed: int, budget: Budget) -> Plan:
        """Plan every move for which there is a runner and a place to go."""
