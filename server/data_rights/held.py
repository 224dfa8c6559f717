"""What is held of drivers, visit by visit, and what keeps it from being erased.

It is still needed while the car is with us, and while the visit is held or an incident of it is not
settled. Where the driver has told of a problem it is needed until somebody says that this is
settled: nothing in our records does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from schemas import driver_words, events
from schemas.visit import Fact, fold
from server import guests
from server.masking import masked_phone, masked_plate
from server.master_key import MasterKey
from server.models import DriverNoteRow, GuestRow, MessageRow, PhotoRow, VisitRow
from server.visits import load_facts

OPEN: Final = "open"
INCIDENT: Final = "incident"
CLAIM: Final = "claim"
"""What is told of a visit that is not over for us: the last one a person may say is settled."""


@dataclass(frozen=True, slots=True)
class Held:
    """One visit of which there is a driver's record. `plate` and `phone` are masked."""

    id: str
    code: str
    state: str
    received_at: datetime
    handed_over_at: datetime | None
    plate: str
    phone: str | None
    notes: int
    photos: int
    messages: int
    needed_for: str | None


def held(session: Session, key: MasterKey, visit_ids: Collection[str]) -> Sequence[Held]:
    """Those of these visits of whose driver anything is held, the oldest first."""
    rows = session.scalars(
        select(VisitRow)
        .join(GuestRow, GuestRow.ref == VisitRow.guest_ref)
        .where(VisitRow.id.in_(visit_ids), GuestRow.sealed.is_not(None))
        .order_by(VisitRow.received_at, VisitRow.id)
    ).all()
    ids = [row.id for row in rows]
    known = guests.load_many(session, key, [row.guest_ref for row in rows])
    needed = needed_for(session, rows)
    columns = (DriverNoteRow.visit_id, PhotoRow.visit_id, MessageRow.visit_id)
    notes, photos, messages = (_count(session, column, ids) for column in columns)
    return [
        Held(
            id=row.id,
            code=row.code,
            state=row.shown_state,
            received_at=row.received_at,
            handed_over_at=None if row.is_open else row.handed_over_at,
            plate=masked_plate(guest.plate),
            phone=None if guest.phone is None else masked_phone(guest.phone),
            notes=notes.get(row.id, 0),
            photos=photos.get(row.id, 0),
            messages=messages.get(row.id, 0),
            needed_for=needed.get(row.id),
        )
        for row in rows
        if (guest := known.get(row.guest_ref)) is not None
    ]


def needed_for(session: Session, visits: Collection[VisitRow]) -> Mapping[str, str]:
    """What these visits' records are still needed for, by id; nothing for those that are over."""
    facts = load_facts(session.connection(), [visit.id for visit in visits])
    found = {}
    for visit in visits:
        why = _why(visit, facts.get(visit.id, ()))
        if why is not None:
            found[visit.id] = why
    return found


def _why(visit: VisitRow, facts: Sequence[Fact]) -> str | None:
    if visit.is_open or visit.tag_shared:
        return OPEN
    folded = fold(facts)
    if folded is not None and folded.reports:
        return INCIDENT
    has_told = any(
        fact.event.type == events.VISIT_TOLD and fact.event.data["about"] == driver_words.PROBLEM
        for fact in facts
    )
    return CLAIM if has_told else None


def _count(
    session: Session, column: InstrumentedAttribute[str], visit_ids: Sequence[str]
) -> Mapping[str, int]:
    rows = session.execute(
        select(column, func.count()).where(column.in_(visit_ids)).group_by(column)
    )
    return {row[0]: row[1] for row in rows}
