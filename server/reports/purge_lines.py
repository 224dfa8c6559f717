"""What was erased of drivers because its time was over, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import PurgeRow


@dataclass(frozen=True, slots=True)
class PurgeLine:
    """The batches of one local date: after how many days, and how many visits, driver's records,
    notes, texts of messages and photos it was."""

    date: Date
    keep_days: int
    batches: int
    visits: int
    guests: int
    notes: int
    texts: int
    photos: int


_COUNTS = ("visits", "guests", "notes", "texts", "photos")


def purge_lines(
    session: Session, zone: ZoneInfo, limit: int, before: str
) -> tuple[Sequence[PurgeLine], str | None]:
    """The newest `limit` batches (or those older than the one named `before`), by date; and the
    last of them if there may be older ones."""
    chosen = select(PurgeRow).order_by(PurgeRow.id.desc()).limit(limit)
    if before:
        chosen = chosen.where(PurgeRow.id < before)
    rows = session.scalars(chosen).all()
    days: dict[tuple[Date, int], list[PurgeRow]] = {}
    for row in rows:
        days.setdefault((row.at.astimezone(zone).date(), row.keep_days), []).append(row)
    lines = [
        PurgeLine(
            date,
            keep_days,
            len(batches),
            *(sum(getattr(row, name) for row in batches) for name in _COUNTS),
        )
        for (date, keep_days), batches in days.items()
    ]
    return lines, rows[-1].id if len(rows) == limit else None
