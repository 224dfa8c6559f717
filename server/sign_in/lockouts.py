"""Who may not sign in at which station now: too many wrong PINs were typed there.

A station locks by itself and tells it as an event (`pin.locked`); the lock ends by itself too, and
earlier by another PIN or by a manager's word, which the station hears of with its next exchange.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.event_data import PIN_LOCK_MAX_S
from schemas.events import restore_event
from server.models import EventRow, PersonRow, StaffPinRow

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Lockout:
    """Somebody whose PIN is not taken at a place, from `since` until `until`."""

    person_id: str
    name: str
    place_id: str
    since: datetime
    until: datetime


def lockouts(session: Session, now: datetime, person_id: str | None = None) -> Sequence[Lockout]:
    """All of them, or one person's; the newest first. Two queries."""
    rows = session.scalars(
        select(EventRow)
        .where(_events_of_locks(), EventRow.received_at > now - timedelta(seconds=PIN_LOCK_MAX_S))
        .order_by(EventRow.received_at.desc())
        .limit(_SHOWN)
    ).all()
    told = [(row, restore_event(json.loads(row.line)).data) for row in rows]
    wanted = {data["person_id"] for _, data in told if person_id in (None, data["person_id"])}
    people = {
        row.id: (row, pin)
        for row, pin in session.execute(
            select(PersonRow, StaffPinRow)
            .outerjoin(StaffPinRow, StaffPinRow.person_id == PersonRow.id)
            .where(PersonRow.id.in_(wanted), PersonRow.is_active)
        )
    }
    found: dict[tuple[str, str], Lockout] = {}
    for row, data in told:
        if data["person_id"] not in people or row.place_id is None:
            continue
        person, pin = people[data["person_id"]]
        until = row.at + timedelta(seconds=data["locked_s"])
        known = found.get((person.id, row.place_id))
        is_over = until <= now or _is_forgiven(pin, row.at)
        if not is_over and (known is None or known.until < until):
            lockout = Lockout(person.id, person.name, row.place_id, row.at, until)
            found[person.id, row.place_id] = lockout
    return sorted(found.values(), key=lambda each: each.since, reverse=True)


def _events_of_locks() -> ColumnElement[bool]:
    """Written just so, it goes by its own small index."""
    return EventRow.type == literal_column(f"'{events.PIN_LOCKED}'")


def _is_forgiven(pin: StaffPinRow | None, at: datetime) -> bool:
    """Whether another PIN, or a manager's word, came after a lock."""
    if pin is None:
        return False
    return any(moment is not None and moment > at for moment in (pin.since, pin.unlocked_at))
