"""Where a car goes next when somebody takes its keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reader_agent.mirror import Mirror
from reader_agent.terms import PlannedMove
from schemas import states
from schemas.district import BOOTH, Place
from schemas.problems import Refusal
from schemas.visit import Visit


@dataclass(frozen=True, slots=True)
class Drive:
    """A move about to begin: `kind` is one of `states.MOVE_KINDS`; `to_stall` is where the plan
    would put the car."""

    kind: str
    to_place_id: str
    to_stall: str | None = None


def next_drive(
    visit: Visit, planned: PlannedMove | None, *, is_booth: bool, nearest_lot: str | None
) -> Drive | None:
    """The drive that taking the key here begins; None where nobody asked for one.

    A lot serves the driver's request before the plan, because a plan may be a moment behind. A
    booth follows the plan first: a car asked for tomorrow elsewhere is parked today. What else
    leaves a booth goes to a lot, also a car that was brought near and not asked for.
    """
    asked = visit.request
    wanted = None
    if asked is not None and asked.booth_id != visit.place_id:
        wanted = Drive(states.RETRIEVE, asked.booth_id)
    plan = _fitting(visit, planned)
    if not is_booth:
        return wanted or plan
    kind = states.RELOCATE if visit.car == states.PARKED else states.PARK
    default = Drive(kind, nearest_lot) if nearest_lot else None
    return plan or wanted or default


def drive_from(
    mirror: Mirror, visit: Visit, here: str, role: str, to_place_id: str | None, now: datetime
) -> Drive:
    """The drive to a place that a person chose, or else the one that taking the key begins.
    Refusal `unknown_place`, `bad_choice`, `no_request` where a lot has no reason to let it go."""
    roster = mirror.roster
    if to_place_id is not None:
        return drive_to(visit, here, roster.places.get(to_place_id))
    terms = mirror.terms(visit.id)
    planned = terms.move if terms else None
    is_booth, lot = role == BOOTH, roster.nearest_lot(here, now)
    drive = next_drive(visit, planned, is_booth=is_booth, nearest_lot=lot)
    if drive is None:
        raise Refusal("unknown_place" if is_booth else "no_request")
    return drive


def drive_to(visit: Visit, place_id: str, to: Place | None) -> Drive:
    """The drive to a place that a person chose. Refusal `unknown_place`, `bad_choice`."""
    if to is None:
        raise Refusal("unknown_place")
    if to.id == place_id:
        raise Refusal("bad_choice")
    if to.kind == BOOTH:
        return Drive(states.RETRIEVE, to.id)
    return Drive(states.RELOCATE if visit.car == states.PARKED else states.PARK, to.id)


def _fitting(visit: Visit, planned: PlannedMove | None) -> Drive | None:
    if planned is None or visit.place_id == planned.to_place_id:
        return None
    is_possible = f"car.taken/{planned.kind}" in states.CAR[visit.car]
    if planned.from_place_id != visit.place_id or not is_possible:
        return None
    return Drive(planned.kind, planned.to_place_id, planned.to_stall)
