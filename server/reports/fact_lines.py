"""The events of visits as people read them: what, where, when by whose clock, and who."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.events import restore_event
from schemas.visit import Fact
from schemas.visit_order import order_key
from server import event_times
from server.models import EventRow, JournalRow, PersonRow, PlaceRow, VisitRow


@dataclass(frozen=True, slots=True)
class FactLine:
    """One event of a visit. `time_source`: wall, anchored or received, see `EventRow`.

    `station_id` None: it was recorded in the cloud. `data` is what the event itself says. Where
    nobody knows when it was (`received`), it was after `after` and before `before`, as far as
    these are known.
    """

    event_id: str
    type: str
    visit_id: str
    visit_code: str
    at: datetime
    received_at: datetime
    time_source: str
    place_name: str | None
    station_id: str | None
    actor_name: str | None
    data: Mapping[str, Any]
    after: datetime | None = None
    before: datetime | None = None


def fact_lines(session: Session, visit_ids: Collection[str]) -> dict[str, list[FactLine]]:
    """The events of these visits, by visit, in the order in which they are folded."""
    rows = session.execute(
        select(EventRow, JournalRow.station_id, PlaceRow.name, PersonRow.name, VisitRow.code)
        .add_columns(*event_times.bounds())
        .join(VisitRow, VisitRow.id == EventRow.visit_id)
        .outerjoin(JournalRow, JournalRow.id == EventRow.journal_id)
        .outerjoin(PlaceRow, PlaceRow.id == EventRow.place_id)
        .outerjoin(PersonRow, PersonRow.id == EventRow.actor)
        .where(EventRow.visit_id.in_(visit_ids))
    )
    found: dict[str, list[tuple[tuple[int, int, str, int], FactLine]]] = {}
    for row, station_id, place_name, actor_name, code, after, before in rows:
        assert row.visit_id is not None
        event = restore_event(json.loads(row.line))
        key = order_key(Fact(row.journal_id, event, row.at))
        line = FactLine(
            event_id=row.event_id,
            type=row.type,
            visit_id=row.visit_id,
            visit_code=code,
            at=row.at,
            received_at=row.received_at,
            time_source=row.time_source,
            place_name=place_name or row.place_id,
            station_id=station_id,
            actor_name=actor_name or row.actor,
            data=event.data,
            after=after,
            before=before,
        )
        found.setdefault(row.visit_id, []).append((key, line))
    return {
        visit_id: [line for _, line in sorted(pairs, key=lambda pair: pair[0])]
        for visit_id, pairs in found.items()
    }
