"""Forks: journals that a station went on writing from an older copy of itself.

A card that is put back to an image of last week makes a station write other events at sequences
that the cloud has already. What came first stays; what came after is kept raw beside it, and a
person has to look at what it says. Once the copy has passed the old head, its events are taken
in again, and the chain is noted as broken there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas import sync
from server.models import JournalRow, PlaceRow, QuarantineRow, StationRow


@dataclass(frozen=True, slots=True)
class Fork:
    """One journal that was set back. `since_seq`, `upto_seq`: the first and the last sequence
    that came with other bytes; `events`: how many such lines are kept; `rejoined_seq`: where
    its chain no longer fits, null if it never got past the old head."""

    journal_id: str
    station_id: str | None
    place_name: str | None
    since_seq: int
    upto_seq: int
    events: int
    seen_at: datetime
    rejoined_seq: int | None


def forks(session: Session) -> Sequence[Fork]:
    """All of them, the newest first."""
    rows = session.execute(
        select(
            QuarantineRow.journal_id,
            JournalRow.station_id,
            PlaceRow.name,
            func.min(QuarantineRow.seq),
            func.max(QuarantineRow.seq),
            func.count(),
            func.min(QuarantineRow.received_at).label("seen_at"),
            JournalRow.broken_at_seq,
        )
        .outerjoin(JournalRow, JournalRow.id == QuarantineRow.journal_id)
        .outerjoin(StationRow, StationRow.id == JournalRow.station_id)
        .outerjoin(PlaceRow, PlaceRow.id == StationRow.place_id)
        .where(QuarantineRow.code == sync.FORKED)
        .group_by(
            QuarantineRow.journal_id,
            JournalRow.station_id,
            PlaceRow.name,
            JournalRow.broken_at_seq,
        )
    )
    found = [Fork(*row) for row in rows]
    return sorted(found, key=lambda fork: (fork.seen_at, fork.journal_id), reverse=True)
