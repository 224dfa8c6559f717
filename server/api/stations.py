"""`/v1/stations`: the computers at the places."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from server.api.paging import PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import StationRow
from server.permissions import Permission

blueprint = reading("stations", "The computers at the places, and when each was last heard of")


class StationSchema(Schema):
    """One station. `depth`: events it had not sent when it was last heard of, at `seen_at`.

    `key_since`: how old its key is. `cloned_at`: since when two machines are known to use it.
    """

    id = fields.String(required=True)
    place_id = fields.String(required=True)
    is_revoked = fields.Boolean(required=True)
    enrolled_at = fields.AwareDateTime(required=True)
    seen_at = fields.AwareDateTime(required=True, allow_none=True)
    depth = fields.Integer(required=True)
    version = fields.String(required=True)
    key_since = fields.AwareDateTime(required=True, allow_none=True)
    cloned_at = fields.AwareDateTime(required=True, allow_none=True)


@reads(
    blueprint, "/stations", page_of(StationSchema, "StationPage"), PageQuerySchema, Permission.TODAY
)
def list_stations(query: dict[str, Any]) -> dict[str, Any]:
    """Stations by id."""
    return services().database.read(
        lambda session: read_page(session, select(StationRow), StationRow.id, query)
    )
