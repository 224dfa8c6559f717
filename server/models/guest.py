"""Guest records: personal data, encrypted, beside the events that refer to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class GuestRow(Table):
    """One driver's plate and phone, sealed; `plate_index` and `phone_index` find them again."""

    __tablename__ = "guests"
    __table_args__ = (
        Index("ix_guests_visit_id", "visit_id"),
        Index("ix_guests_plate_index", "plate_index"),
        Index("ix_guests_phone_index", "phone_index"),
        Index(
            "ix_guests_kept",
            "visit_id",
            sqlite_where=text("sealed IS NOT NULL"),
            postgresql_where=text("sealed IS NOT NULL"),
        ),
    )

    ref: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    plate_index: Mapped[str | None]
    phone_index: Mapped[str | None]
    received_at: Mapped[datetime]


class OtherGuestRow(Table):
    """A record that came for an event which names another one: kept apart, and never used.

    `digest` is the record's own (see `schemas.guest`), `sealed` is sealed as in `GuestRow`.
    """

    __tablename__ = "other_guests"
    __table_args__ = (Index("ix_other_guests_visit_id", "visit_id"),)

    ref: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
