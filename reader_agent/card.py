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
    more. `is_unsent`: the cloud does not know yet of something done here. `planned_runner_id` and
    `why` are of the drive that is planned, `move_to_id` and `to_stall` where it goes; `passengers`
    go along (names by id), and `departs_at` is when they were told that it leaves. `rung` is
    what comes next for a car that stands ready (`reader_agent.waiting`), from `rung_at` on.
    `delay_min` is what staff told the driver, `bag` the sealed bag with the key, `reports` the
    kinds of incidents that nobody has settled. `hook`: where the key hangs.
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
    move_to_id: str | None = None
    planned_runner_id: str | None = None
    why: str | None = None
    why_place_name: str | None = None
    to_stall: str | None = None
    calls: int = 0
    rung: str | None = None
    rung_at: datetime | None = None
    is_rung_due: bool = False
    delay_min: int | None = None
    delay_reason: str | None = None
    bag: str | None = None
    reports: tuple[str, ...] = ()
    hook: int | None = None
    passengers: tuple[tuple[str, str], ...] = ()
    departs_at: datetime | None = None
