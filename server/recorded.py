"""An event that was just taken in: itself, and what the cloud knows of it beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from schemas.events import Event
from server import bulk
from server.bulk import table_of
from server.models import EventRow

_EVENTS = table_of(EventRow)


@dataclass(slots=True)
class Recorded:
    """A row of the table `events` (see `EventRow`) and the event that its line holds."""

    event: Event
    line: bytes
    journal_id: str
    seq: int
    event_id: str
    type: str
    visit_id: str | None
    tag_id: str | None
    place_id: str | None
    actor: str | None
    at: datetime
    time_source: str
    received_at: datetime
    position: int

    def columns(self) -> dict[str, Any]:
        """The row by the names of its columns."""
        return {
            "journal_id": self.journal_id,
            "seq": self.seq,
            "event_id": self.event_id,
            "type": self.type,
            "visit_id": self.visit_id,
            "tag_id": self.tag_id,
            "place_id": self.place_id,
            "actor": self.actor,
            "at": self.at,
            "time_source": self.time_source,
            "received_at": self.received_at,
            "position": self.position,
            "line": self.line,
        }


def append(connection: Connection, rows: Sequence[Recorded]) -> None:
    """Write events down, for good."""
    bulk.append(connection, _EVENTS, [row.columns() for row in rows])
