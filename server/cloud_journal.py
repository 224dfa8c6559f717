"""The cloud's own journal: what happened here rather than at a station."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events
from schemas.chain import genesis, seal
from schemas.ids import uuid7
from server import clock, tags
from server.models import EventRow, JournalRow

# One process is one boot: the monotonic clock of another process says nothing here.
_BOOT_ID = str(uuid.uuid4())
TIME_WALL = "wall"


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be recorded: the parts of an event that its writer decides. `visit_id` is None,
    and `step` 0, for what is about no visit."""

    type: str
    visit_id: str | None
    step: int
    actor: str | None
    data: dict[str, object]


def record(session: Session, deed: Deed, version: int, now: datetime) -> EventRow:
    """Append an event to the cloud's journal under the district version that the caller holds."""
    journal = _journal(session, now)
    journal.head_seq += 1
    body: dict[str, object] = {
        "v": events.WIRE_VERSION,
        "id": uuid7(now),
        "type": deed.type,
        "seq": journal.head_seq,
        "prev": journal.head_hash,
        "boot_id": _BOOT_ID,
        "mono_ns": clock.mono_ns(),
        "wall": now.isoformat(),
        "wall_synced": True,
        "actor": deed.actor,
        "place_id": None,
        "visit_id": deed.visit_id,
        "step": deed.step,
        "data": deed.data,
    }
    line, journal.head_hash = seal(body)
    event = events.read_event(json.loads(json.dumps(body)))
    row = EventRow(
        journal_id=journal.id,
        seq=event.seq,
        event_id=event.id,
        type=event.type,
        visit_id=event.visit_id,
        tag_id=tags.tag_of(event),
        place_id=None,
        actor=event.actor,
        at=now,
        time_source=TIME_WALL,
        received_at=now,
        position=version,
        line=line,
    )
    session.add(row)
    session.flush()
    return row


def _journal(session: Session, now: datetime) -> JournalRow:
    journal = session.scalar(select(JournalRow).where(JournalRow.station_id.is_(None)))
    if journal is None:
        journal_id = uuid7(now)
        journal = JournalRow(
            id=journal_id,
            station_id=None,
            head_seq=0,
            head_hash=genesis(journal_id),
            broken_at_seq=None,
        )
        session.add(journal)
    return journal
