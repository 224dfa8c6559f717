"""Keys that a lot took in of cars that nobody there knew, and that no visit has claimed since.

While lines are down a car may come to a lot before the word that it was received. As soon as that
comes, the lot tells of the car as any other. What is listed here is what never found its visit: a
key hangs on a hook, and nobody knows whose.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.events import restore_event
from server.bulk import table_of
from server.models import EventRow, PersonRow, PlaceRow, TagRow, VisitRow
from server.one_of import one_of

_VISITS = table_of(VisitRow)


@dataclass(frozen=True, slots=True)
class SeenKey:
    """One key at a lot, by its latest sighting there. `label`: what is printed on its tag, if that
    is one of ours. `later_id`, `later_code`: the first visit that began with the same tag
    afterwards, so the key is no longer there."""

    tag_id: str
    label: str | None
    place_name: str | None
    stall: str | None
    hook: int | None
    at: datetime
    actor_name: str | None
    later_id: str | None
    later_code: str | None


@dataclass(frozen=True, slots=True)
class _Sighting:
    event: EventRow
    tag_id: str
    stall: str | None
    hook: int | None
    place_name: str | None
    actor_name: str | None


def seen_keys(session: Session, limit: int) -> list[SeenKey]:
    """Of the newest `limit` sightings those without a visit: first the keys that must still be
    there, each by time, the newest first. Three queries."""
    sightings = _sightings(session, limit)
    tags = {each.tag_id for each in sightings}
    visits, labels = _visits(session, tags), _labels(session, tags)
    found: dict[str, SeenKey] = {}
    for each in sightings:
        own = visits.get(each.tag_id, [])
        at = each.event.at
        if each.tag_id in found or any(row.received_at <= at and _is_in(row, at) for row in own):
            continue
        later = next((row for row in own if row.received_at > at), None)
        found[each.tag_id] = SeenKey(
            tag_id=each.tag_id,
            label=labels.get(each.tag_id),
            place_name=each.place_name or each.event.place_id,
            stall=each.stall,
            hook=each.hook,
            at=at,
            actor_name=each.actor_name or each.event.actor,
            later_id=None if later is None else later.id,
            later_code=None if later is None else later.code,
        )
    return sorted(found.values(), key=lambda key: key.later_id is not None)


def _is_in(visit: VisitRow, at: datetime) -> bool:
    return visit.handed_over_at is None or visit.handed_over_at >= at


def _sightings(session: Session, limit: int) -> list[_Sighting]:
    rows = session.execute(
        select(EventRow, PlaceRow.name, PersonRow.name)
        .outerjoin(PlaceRow, PlaceRow.id == EventRow.place_id)
        .outerjoin(PersonRow, PersonRow.id == EventRow.actor)
        .where(events_of_keys())
        .order_by(EventRow.position.desc(), EventRow.seq.desc())
        .limit(limit)
    )
    found = []
    for row, place_name, actor_name in rows:
        data = restore_event(json.loads(row.line)).data
        found.append(
            _Sighting(row, data["tag"], data.get("stall"), data.get("hook"), place_name, actor_name)
        )
    return sorted(found, key=lambda each: each.event.at, reverse=True)


def events_of_keys() -> ColumnElement[bool]:
    """Written just so, it goes by its own small index."""
    return EventRow.type == literal_column(f"'{events.KEY_SEEN}'")


def _visits(session: Session, tags: Collection[str]) -> dict[str, list[VisitRow]]:
    """The visits of these key tags, by tag, in order."""
    found: dict[str, list[VisitRow]] = {}
    chosen = select(VisitRow).where(one_of(_VISITS.c.key_tag, "tags"))
    rows = session.scalars(chosen.order_by(VisitRow.received_at), {"tags": [*tags]})
    for row in rows:
        found.setdefault(row.key_tag, []).append(row)
    return found


def _labels(session: Session, tags: Collection[str]) -> dict[str, str]:
    chosen = select(TagRow.id, TagRow.label).where(one_of(table_of(TagRow).c.id, "tags"))
    return {row.id: row.label for row in session.execute(chosen, {"tags": [*tags]})}
