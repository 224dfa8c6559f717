"""What a played night leaves behind: requests with their promises, legs, kerbs, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

EMPTY = "empty"
RIDE = "ride"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and what became of it.

    `from_place_id`, `car_state`: where the car stood, or was being driven to, when it was asked
    for. `to_do`: how many moves were wanted then. `estimate`: the planner's, at its first plan that
    knew of the request; None if nobody could say. `ready_from`, `ready_by`: the first window that
    was told, `told_by` the end of the last one; `moved`: how often it was moved.
    """

    visit_id: str
    booth_id: str
    made_at: datetime
    wanted_at: datetime | None
    from_place_id: str
    car_state: str
    to_do: int
    estimate: datetime | None
    ready_from: datetime | None
    ready_by: datetime | None
    told_by: datetime | None
    ready_at: datetime
    moved: int


@dataclass(frozen=True, slots=True)
class LegDone:
    """A drive, a way without a car (`kind` is `EMPTY`), or one in the car `visit_id` that somebody
    else drives (`RIDE`), over [started_at, done_at).

    `estimated_s`: what the planner thought it would take. `to_place_id` None: broken off.
    """

    kind: str
    visit_id: str | None
    from_place_id: str
    to_place_id: str | None
    runner_id: str
    started_at: datetime
    done_at: datetime
    estimated_s: int

    @property
    def is_drive(self) -> bool:
        """Whether the runner drove."""
        return self.kind not in (EMPTY, RIDE)

    @property
    def took_s(self) -> float:
        """How long it took."""
        return (self.done_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Night:
    """A night that is over. All of it is reproducible but `cpu_ms`, the cost of each plan.

    `overflow_s`: per booth, car-seconds above its kerb spaces. `refused`: orders that could not be
    carried out, by reason. `left`: cars that were asked for and never came. `at_work_s`: the
    runners' time on shift. `missed_rides`: who was told to come along and was not there in time.
    """

    asked: Sequence[Asked]
    legs: Sequence[LegDone]
    overflow_s: Mapping[str, int]
    refused: Mapping[str, int]
    left: int
    at_work_s: int
    plans: int
    cpu_ms: Sequence[float]
    missed_rides: int = 0
