"""`/v1/moves`: one drive of one car between places."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from schemas import states
from server.api.paging import ID_PATTERN, LIMIT_MAX, page_of, rows_of
from server.api.route import reading, reads
from server.app import services
from server.models import MoveRow
from server.visits import DONE, OPEN, TAKEN

blueprint = reading("moves", "One drive of one car between places")
_STATES = (OPEN, TAKEN, DONE)


class MoveSchema(Schema):
    """`runner_id` of an open move is who is to drive it by the plan; `why` a catalog code, a reason
    about `why_place_id`. `sent_at`: since when the runner should be on the way to the car;
    `to_stall`: where it is best put. `passengers`: the runners who go along, `departs_at` when they
    were told that it leaves."""

    visit_id = fields.String(required=True)
    ordinal = fields.Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(states.MOVE_KINDS))
    state = fields.String(required=True, validate=validate.OneOf(_STATES))
    from_place_id = fields.String(required=True)
    to_place_id = fields.String(required=True, allow_none=True)
    opened_at = fields.AwareDateTime(required=True)
    taken_at = fields.AwareDateTime(required=True, allow_none=True)
    done_at = fields.AwareDateTime(required=True, allow_none=True)
    runner_id = fields.String(required=True, allow_none=True)
    planned_start_at = fields.AwareDateTime(required=True, allow_none=True)
    planned_done_at = fields.AwareDateTime(required=True, allow_none=True)
    why = fields.String(required=True, allow_none=True)
    why_place_id = fields.String(required=True, allow_none=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    to_stall = fields.String(required=True, allow_none=True)
    passengers = fields.List(fields.String(), required=True, allow_none=True)
    departs_at = fields.AwareDateTime(required=True, allow_none=True)


class MoveQuerySchema(Schema):
    """Which moves. `after` is the `next` of the page before: a visit's id, `:`, an ordinal."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, LIMIT_MAX))
    after = fields.String(
        load_default=None, validate=validate.Regexp(r"\A[A-Za-z0-9-]{1,40}:[0-9]{1,6}\Z")
    )
    state = fields.String(load_default=None, validate=validate.OneOf(_STATES))
    visit = fields.String(load_default=None, validate=ID_PATTERN)


@reads(blueprint, "/moves", page_of(MoveSchema, "MovePage"), MoveQuerySchema)
def list_moves(query: dict[str, Any]) -> dict[str, Any]:
    """Moves by visit, in the order in which they were made."""
    return services().database.read(lambda session: _page(session, query))


def _page(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    statement = select(MoveRow)
    if query["state"] is not None:
        statement = statement.where(MoveRow.state == query["state"])
    if query["visit"] is not None:
        statement = statement.where(MoveRow.visit_id == query["visit"])
    if query["after"] is not None:
        visit_id, _, ordinal = query["after"].rpartition(":")
        key = tuple_(MoveRow.visit_id, MoveRow.ordinal)
        statement = statement.where(key > tuple_(visit_id, int(ordinal)))
    limit = rows_of(query)
    ordered = statement.order_by(MoveRow.visit_id, MoveRow.ordinal).limit(limit + 1)
    rows = list(session.scalars(ordered))
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "items": rows[:limit],
        "next": None if last is None else f"{last.visit_id}:{last.ordinal}",
    }
