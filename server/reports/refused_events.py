"""Lines that could not be read as events, kept raw until a person has looked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import JournalRow, PlaceRow, QuarantineRow, StationRow

_SHOWN_CHARS = 2000
# A number with its country code, or a Panamanian mobile written bare.
_PHONE = re.compile(r"\+\d[\d\s().-]{5,}\d|(?<![\d-])6\d{3}[- ]?\d{4}(?![\d-])")


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One refused line. `text`: its beginning, with anything like a phone number struck out;
    `size_bytes` is that of the whole line."""

    id: str
    station_id: str | None
    place_name: str | None
    seq: int
    code: str
    detail: str
    received_at: datetime
    size_bytes: int
    text: str


def refused_events(session: Session, limit: int, before: str | None) -> Sequence[RefusedEvent]:
    """The newest `limit` of them, or the newest that are older than the one named `before`."""
    statement = (
        select(QuarantineRow, JournalRow.station_id, PlaceRow.name)
        .outerjoin(JournalRow, JournalRow.id == QuarantineRow.journal_id)
        .outerjoin(StationRow, StationRow.id == JournalRow.station_id)
        .outerjoin(PlaceRow, PlaceRow.id == StationRow.place_id)
        .order_by(QuarantineRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(QuarantineRow.id < before)
    return [
        RefusedEvent(
            id=row.id,
            station_id=station_id,
            place_name=place_name,
            seq=row.seq,
            code=row.code,
            detail=row.detail,
            received_at=row.received_at,
            size_bytes=len(row.line),
            text=_shown(row.line),
        )
        for row, station_id, place_name in session.execute(statement)
    ]


def _shown(line: bytes) -> str:
    """The bytes as text that a page can hold. An event never holds a phone number, but what
    is not an event may hold anything: whatever looks like one is struck out."""
    text = line[: _SHOWN_CHARS * 2].decode(errors="backslashreplace")
    return _PHONE.sub("…", text)[:_SHOWN_CHARS]
