"""Erasing what is known of a driver: the record, what was written, and the way to find it again.

What the journals say stays, because nothing in them names the driver: they hold a digest, and the
salt that it was made with goes with the record.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from server import outbox
from server.models import DriverNoteRow, GuestRow, OtherGuestRow, VisitRow


def erase_guest(session: Session, visit: VisitRow) -> bool:
    """Erase the driver's record of a visit and every other one that came for it; whether there
    was anything left to erase."""
    gone = session.get(GuestRow, visit.guest_ref)
    was_there = gone is not None and gone.sealed is not None
    empty = {"sealed": None, "plate_index": None, "phone_index": None}
    session.execute(update(GuestRow).where(GuestRow.visit_id == visit.id).values(**empty))
    session.execute(
        update(OtherGuestRow).where(OtherGuestRow.visit_id == visit.id).values(sealed=None)
    )
    session.execute(
        update(DriverNoteRow).where(DriverNoteRow.visit_id == visit.id).values(sealed=None)
    )
    outbox.drop_queued(session, [visit.id], "erased")
    session.expire_all()
    return was_there
