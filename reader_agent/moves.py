"""Where a car goes next when somebody takes its keys."""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.terms import PlannedMove
from schemas import states
from schemas.visit import Visit


@dataclass(frozen=True, slots=True)
class Drive:
    """A move about to begin: `kind` is one of `states.MOVE_KINDS`."""

    kind: str
    to_place_id: str


def next_drive(
    visit: Visit, planned: PlannedMove | None, *, is_booth: bool, nearest_lot: str | None
) -> Drive | None:
    """The drive that taking the key here begins; None where nobody asked for one.

    A lot serves the driver's request before the plan, because a plan may be a moment behind. A
    booth follows the plan first: a car asked for tomorrow elsewhere is parked today.
    """
    asked = visit.request
    wanted = None
    if asked is not None and asked.booth_id != visit.place_id:
        wanted = Drive(states.RETRIEVE, asked.booth_id)
    plan = _fitting(visit, planned)
    if not is_booth:
        return wanted or plan
    default = Drive(states.PARK, nearest_lot) if nearest_lot else None
    return plan or wanted or default


def _fitting(visit: Visit, planned: PlannedMove | None) -> Drive | None:
    if planned is None or visit.place_id == planned.to_place_id:
        return None
    is_possible = f"car.taken/{planned.kind}" in states.CAR[visit.car]
    if planned.from_place_id != visit.place_id or not is_possible:
        return None
    return Drive(planned.kind, planned.to_place_id)
