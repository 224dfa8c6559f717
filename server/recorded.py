"""An event that was just taken in: itself, and what the cloud knows of it beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
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


_COLUMNS = tuple(column.key for column in _EVENTS.columns)
_values: Callable[[Recorded], tuple[Any, ...]] = attrgetter(*_COLUMNS)


def appending(connection: Connection, rows: Sequence[Recorded]) -> AbstractContextManager[None]:
    """Write events down, for good, by the end of the block; see `bulk.appending`."""
    return bulk.appending(connection, _EVENTS, _COLUMNS, [*map(_values, rows)])
