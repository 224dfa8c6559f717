"""What was erased of drivers because its time was over: kept for ever, and names nobody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class PurgeRow(Table):
    """One batch: `by` whom (a worker of the system), after how many days, and how many visits,
    driver's records, notes, texts of messages and photos it was."""

    __tablename__ = "purges"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    keep_days: Mapped[int]
    visits: Mapped[int]
    guests: Mapped[int]
    notes: Mapped[int]
    texts: Mapped[int]
    photos: Mapped[int]
