"""What a policy sees of an evening at a minute, and the orders it may give. Nothing of the future.

All minutes count from the evening's start; nodes are those of `Ground`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

AT_KERB = "at_kerb"
TO_LOT = "to_lot"
PARKED = "parked"
TO_BOOTH = "to_booth"


@dataclass(frozen=True, slots=True)
class RunnerSeen:
    """A runner: `reach_min[n]` is the earliest minute at which it can stand at node n.

    A driving one is free at `place` from `free_min` on. One that travels without a car is
    heading for `place`, reached at `free_min`, and may be sent elsewhere on its way. One that
    stands has `free_min` equal to now.
    """

    place: int
    free_min: int
    is_driving: bool
    reach_min: Sequence[int]


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """A driver's wish for the car: asked at `ask_min`, wanted for `want_min` at `booth`."""

    ask_min: int
    want_min: int
    booth: int


@dataclass(frozen=True, slots=True)
class CarSeen:
    """A car that has arrived and was not given back. `lot` is a node.

    `stage_min`: since when it stands, or when its drive ends. `request` None: nobody asked yet.
    """

    car: int
    booth: int
    arrive_min: int
    lot: int
    stage: str
    stage_min: int
    request: RequestSeen | None


@dataclass(frozen=True, slots=True)
class KerbStay:
    """A returned car that stands, or will stand, at a booth's kerb over [from, until)."""

    booth: int
    from_min: int
    until_min: int


@dataclass(frozen=True, slots=True)
class Observation:
    """The evening at `now`, after what happened in this minute and before the orders for it."""

    now: int
    runners: Sequence[RunnerSeen]
    cars: Sequence[CarSeen]
    kerb_stays: Sequence[KerbStay]


@dataclass(frozen=True, slots=True)
class Go:
    """Travel without a car to a node; to where the runner stands: stop there and wait."""

    place: int


@dataclass(frozen=True, slots=True)
class DriveCar:
    """Start driving this car now: to its lot, or to the booth where its driver wants it."""

    car: int


Order = Go | DriveCar


class Policy(Protocol):
    """Decides once a minute. It may remember what it saw; it is never told more than this."""

    def decide(self, seen: Observation) -> Mapping[int, Order]:
        """Orders by runner. A runner without one goes on as it was."""
