"""`/v1/events`: the facts themselves, for whoever wants to compute something else of them."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events
from server import visits
from server.api.paging import LIMIT_MAX, rows_of
from server.api.route import reading, reads
from server.app import services
from server.models import EventRow

blueprint = reading("events", "Facts recorded by a station or by the cloud")
_SOURCES = ("wall", "anchored", "received")


class FactSchema(Schema):
    """The event as its journal holds it; `hash` is SHA-256 over its canonical JSON without it."""

    class Meta:
        unknown = EXCLUDE

    v = fields.Integer(required=True)
    id = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf(events.EVENT_TYPES))
    seq = fields.Integer(required=True)
    prev = fields.String(required=True)
    hash = fields.String(required=True)
    boot_id = fields.String(required=True)
    mono_ns = fields.Integer(required=True)
    wall = fields.String(required=True, metadata={"format": "date-time"})
    wall_synced = fields.Boolean(required=True)
    actor = fields.String(required=True, allow_none=True)
    place_id = fields.String(required=True, allow_none=True)
    visit_id = fields.String(required=True, allow_none=True)
    step = fields.Integer(required=True)
    data = fields.Dict(required=True)


class EventSchema(Schema):
    """An event and what the cloud knows of it. `at` is the best time known, `time_source`
    where it came from."""

    position = fields.Integer(required=True)
    journal_id = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    time_source = fields.String(required=True, validate=validate.OneOf(_SOURCES))
    received_at = fields.AwareDateTime(required=True)
    event = fields.Nested(FactSchema, required=True)


class EventPageSchema(Schema):
    """`next` is the position to ask for next, also on the last page (`more` false)."""

    items = fields.List(fields.Nested(EventSchema), required=True)
    next = fields.Integer(required=True)
    more = fields.Boolean(required=True)


class EventListSchema(Schema):
    """All events of one visit."""

    items = fields.List(fields.Nested(EventSchema), required=True)


class EventQuerySchema(Schema):
    """Which events: those after a position."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**53))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, LIMIT_MAX))


@reads(blueprint, "/events", EventPageSchema, EventQuerySchema)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """Events by position, whole positions at a time, so that none is skipped.

    An event may come again under a later position (its visit was opened anew): take it once,
    by its id.
    """
    limit, after = rows_of(query), int(query["after"])
    return services().database.read(lambda session: _page(session, after, limit))


@reads(blueprint, "/visits/<visit_id>/events", EventListSchema)
def list_visit_events(visit_id: str) -> dict[str, Any]:
    """The events of one visit by journal and sequence."""

    def read(session: Session) -> dict[str, Any]:
        visits.get_row(session, visit_id)
        rows = session.scalars(
            select(EventRow)
            .where(EventRow.visit_id == visit_id)
            .order_by(EventRow.journal_id, EventRow.seq)
        )
        return {"items": [_view(row) for row in rows]}

    return services().database.read(read)


def _page(session: Session, after: int, limit: int) -> dict[str, Any]:
    positions = select(EventRow.position).where(EventRow.position > after)
    at_limit = session.scalar(positions.order_by(EventRow.position).offset(limit - 1).limit(1))
    statement = select(EventRow).where(EventRow.position > after)
    if at_limit is not None:
        statement = statement.where(EventRow.position <= at_limit)
    rows = session.scalars(
        statement.order_by(EventRow.position, EventRow.journal_id, EventRow.seq)
    ).all()
    upto = rows[-1].position if rows else after
    beyond = select(EventRow.seq).where(EventRow.position > upto).limit(1)
    return {
        "items": [_view(row) for row in rows],
        "next": upto,
        "more": session.scalar(beyond) is not None,
    }


def _view(row: EventRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "journal_id": row.journal_id,
        "at": row.at,
        "time_source": row.time_source,
        "received_at": row.received_at,
        "event": json.loads(row.line),
    }
