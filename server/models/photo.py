"""Photos that events name, and whether their bytes have come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class PhotoRow(Table):
    """One photo of a visit: what its event says of it (`event_id`, and `ordinal` in there), and
    what became of its bytes (`state` of `schemas.photo.PHOTO_STATES`).

    `stored_by` is the station that brought the bytes, `stored_at` when they were found whole.
    `found_sha256`: what the bytes were instead, of an altered one. `erase_from`: since when nobody
    is shown it any more, because its time is over; `erased_at`: when its bytes were gone.
    """

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint("state IN ('awaited', 'stored', 'altered')", "state"),
        CheckConstraint("(state = 'stored') = (stored_at IS NOT NULL)", "stored_at"),
        Index(
            "ix_photos_awaited",
            "event_id",
            sqlite_where=text("state = 'awaited'"),
            postgresql_where=text("state = 'awaited'"),
        ),
        Index(
            "ix_photos_kept",
            "visit_id",
            sqlite_where=text("erased_at IS NULL"),
            postgresql_where=text("erased_at IS NULL"),
        ),
    )

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    ordinal: Mapped[int]
    size_bytes: Mapped[int]
    media_type: Mapped[str]
    state: Mapped[str]
    stored_at: Mapped[datetime | None]
    stored_by: Mapped[str | None]
    found_sha256: Mapped[str | None]
    erase_from: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
