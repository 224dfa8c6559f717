"""What drivers do on the page of their link, beside the events of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class DriverTryRow(Table):
    """How often a link, or a network, has sent a form since `begun_at`. `key` is a keyed digest:
    the table tells nobody which addresses were here."""

    __tablename__ = "driver_tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[int]
    begun_at: Mapped[datetime]


class DriverNoteRow(Table):
    """What a driver wrote, sealed; the event `event_id` names its digest. Null once erased."""

    __tablename__ = "driver_notes"
    __table_args__ = (Index("ix_driver_notes_visit_id", "visit_id"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class GuestLookRow(Table):
    """Somebody was shown a driver's record. `screen`: where, a catalog code."""

    __tablename__ = "guest_looks"
    __table_args__ = (Index("ix_guest_looks_visit_id", "visit_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    person_id: Mapped[str]
    screen: Mapped[str]
    at: Mapped[datetime]
