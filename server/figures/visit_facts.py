"""The facts of visits as they stand in the log, and where their times came from."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Connection, select

from schemas.events import restore_event
from schemas.visit import Fact
from server.bulk import table_of
from server.models import EventRow
from server.one_of import one_of

_EVENTS = table_of(EventRow)
_STORED = select(
    *(_EVENTS.c[name] for name in ("visit_id", "journal_id", "line", "at", "time_source"))
).where(one_of(_EVENTS.c.visit_id, "ids"))


def load(
    connection: Connection, visit_ids: Collection[str]
) -> dict[str, tuple[list[Fact], set[str]]]:
    """By visit: its facts, and the sources of their times (`server.event_times`)."""
    found: dict[str, tuple[list[Fact], set[str]]] = {}
    for row in connection.execute(_STORED, {"ids": list(visit_ids)}):
        facts, sources = found.setdefault(row.visit_id, ([], set()))
        facts.append(Fact(row.journal_id, restore_event(json.loads(row.line)), row.at))
        sources.add(row.time_source)
    return found
