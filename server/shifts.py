"""Who is at work, and where: the fold of sign-ons and taps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events
from server.models import EventRow, PersonRow, ShiftRow


def note(session: Session, rows: Iterable[EventRow]) -> None:
    """Let events move their actors: on a shift, off it, or to where the tap was made."""
    taps = [(row.actor, row.place_id, row) for row in rows]
    actors = {actor for actor, _, _ in taps if actor is not None}
    known = session.scalars(select(ShiftRow).where(ShiftRow.person_id.in_(actors)))
    shifts = {shift.person_id: shift for shift in known}
    for actor, place_id, row in taps:
        if actor is None or place_id is None:
            continue
        shift = shifts.get(actor)
        if shift is None:
            shift = shifts[actor] = ShiftRow(person_id=actor)
            session.add(shift)
        elif shift.seen_at > row.at:
            continue
        shift.place_id, shift.seen_at = place_id, row.at
        shift.is_on = row.type != events.SHIFT_SIGNED_OFF


def at_work(
    session: Session, role: str, now: datetime, forgotten_s: int
) -> Sequence[tuple[PersonRow, ShiftRow]]:
    """People of a role who are on a shift, by id; a shift that nobody ended is forgotten."""
    rows = session.execute(
        select(PersonRow, ShiftRow)
        .join(ShiftRow, ShiftRow.person_id == PersonRow.id)
        .where(ShiftRow.is_on, PersonRow.is_active)
        .where(ShiftRow.seen_at > now - timedelta(seconds=forgotten_s))
        .order_by(PersonRow.id)
    )
    return [(person, shift) for person, shift in rows if role in person.roles]
