"""`/v1/promises`: the windows that drivers were told."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas import states
from server.api.paging import ID_PATTERN, PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.delays import BY_STAFF
from server.models import PromiseRow
from server.promises import REASONS

_REASONS = (*REASONS, *(f"{BY_STAFF}{reason}" for reason in states.DELAY_REASONS))

blueprint = reading("promises", "The windows that drivers were told, every one of them")


class PromiseSchema(Schema):
    """The car will be ready from `ready_from` to `ready_by`; a request's newest one counts."""

    id = fields.String(required=True)
    visit_id = fields.String(required=True)
    request_id = fields.String(required=True)
    booth_id = fields.String(required=True)
    ready_from = fields.AwareDateTime(required=True)
    ready_by = fields.AwareDateTime(required=True)
    made_at = fields.AwareDateTime(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(_REASONS))


class PromiseQuerySchema(PageQuerySchema):
    """Which promises."""

    visit = fields.String(load_default=None, validate=ID_PATTERN)


@reads(blueprint, "/promises", page_of(PromiseSchema, "PromisePage"), PromiseQuerySchema)
def list_promises(query: dict[str, Any]) -> dict[str, Any]:
    """Promises in the order in which they were made."""
    statement = select(PromiseRow)
    if query["visit"] is not None:
        statement = statement.where(PromiseRow.visit_id == query["visit"])
    return services().database.read(
        lambda session: read_page(session, statement, PromiseRow.id, query)
    )
