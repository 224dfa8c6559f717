"""Erasing what is known of a driver: the record, what was written, and the way to find it again.

What the journals say stays, because nothing in them names the driver: they hold a digest, and the
salt that it was made with goes with the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from server import outbox
from server.bulk import table_of
from server.models import DriverNoteRow, GuestRow, OtherGuestRow, PhotoRow, VisitRow


def erase_guest(session: Session, visit: VisitRow) -> bool:
    """Erase the driver's record of a visit and every other one that came for it; whether there
    was anything left to erase."""
    gone = session.get(GuestRow, visit.guest_ref)
    was_there = gone is not None and gone.sealed is not None
    erase_records(session, [visit.id])
    return was_there


def erase_records(session: Session, visit_ids: Sequence[str]) -> tuple[int, int]:
    """Erase the records and the notes of these visits; how many of each there were."""
    session.flush()
    empty = {"sealed": None, "plate_index": None, "phone_index": None}
    guests = _empty(session, GuestRow, visit_ids, **empty)
    guests += _empty(session, OtherGuestRow, visit_ids, sealed=None)
    notes = _empty(session, DriverNoteRow, visit_ids, sealed=None)
    outbox.drop_queued(session, visit_ids, "erased")
    session.expire_all()
    return guests, notes


def give_up_photos(session: Session, visit_ids: Sequence[str], now: datetime) -> int:
    """Show the photos of these visits to nobody from now on; how many. A worker erases their bytes
    (`server.purge.erase_photos`)."""
    photos = table_of(PhotoRow)
    done = session.connection().execute(
        update(photos)
        .where(photos.c.visit_id.in_(visit_ids), photos.c.erase_from.is_(None))
        .values(erase_from=now),
        execution_options={"preserve_rowcount": True},
    )
    return done.rowcount


def _empty(
    session: Session,
    model: type[GuestRow | OtherGuestRow | DriverNoteRow],
    visit_ids: Sequence[str],
    **values: None,
) -> int:
    table = table_of(model)
    known = table.c.visit_id.in_(visit_ids), table.c.sealed.is_not(None)
    done = session.connection().execute(
        update(table).where(*known).values(**values), execution_options={"preserve_rowcount": True}
    )
    return done.rowcount
