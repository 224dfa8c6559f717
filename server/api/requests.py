"""`/v1/requests`: drivers ask for their cars."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from server.api.paging import ID_PATTERN, PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import RequestRow

blueprint = reading("requests", "The driver asks for the car at a booth and a time")
_STATUSES = ("open", "replaced", "cancelled", "done")


class RequestSchema(Schema):
    """One request, named by its event. `wanted_at` null: as soon as may be."""

    id = fields.String(required=True, attribute="event_id")
    visit_id = fields.String(required=True)
    booth_id = fields.String(required=True)
    wanted_at = fields.AwareDateTime(required=True, allow_none=True)
    made_at = fields.AwareDateTime(required=True)
    source = fields.String(required=True, validate=validate.OneOf(("driver", "booth")))
    status = fields.String(required=True, validate=validate.OneOf(_STATUSES))
    closed_at = fields.AwareDateTime(required=True, allow_none=True)


class RequestQuerySchema(PageQuerySchema):
    """Which requests."""

    status = fields.String(load_default=None, validate=validate.OneOf(_STATUSES))
    visit = fields.String(load_default=None, validate=ID_PATTERN)


@reads(blueprint, "/requests", page_of(RequestSchema, "RequestPage"), RequestQuerySchema)
def list_requests(query: dict[str, Any]) -> dict[str, Any]:
    """Requests by id."""
    statement = select(RequestRow)
    if query["status"] is not None:
        statement = statement.where(RequestRow.status == query["status"])
    if query["visit"] is not None:
        statement = statement.where(RequestRow.visit_id == query["visit"])
    return services().database.read(
        lambda session: read_page(session, statement, RequestRow.event_id, query)
    )
