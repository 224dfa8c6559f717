"""What a screen shows of one visit: everything looked up, nothing left to compute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Card:
    """One visit as the people at a station see it. Times are aware UTC.

    `state` is of `schemas.states`, `car` is where the car physically is in its story (the two
    differ for a requested and for a held visit). `place_id` is where the car is, or where it
    was driven off from. `seen_at`: when the radio tag on the keys was last heard, a hint and no
    more. `is_unsent`: the cloud does not know yet of something done here.
    """

    visit_id: str
    code: str
    state: str
    car: str
    plate: str
    place_id: str
    place_name: str
    destination_name: str | None
    booth_id: str
    request_booth_id: str | None
    request_booth_name: str | None
    wanted_at: datetime | None
    ready_from: datetime | None
    ready_by: datetime | None
    is_late: bool
    runner_name: str | None
    key_holder_kind: str
    key_holder_name: str | None
    stall: str | None
    key_label: str
    claim_label: str | None
    held_reasons: tuple[str, ...]
    is_unsent: bool
    since: datetime
    move_to_name: str | None
    move_kind: str | None
    has_phone: bool
    seen_at: datetime | None = None
    seen_place_name: str | None = None
