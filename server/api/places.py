"""`/v1/places`: booths and lots."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas.district import BOOTH, LOT
from server.api.paging import PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import PlaceRow

blueprint = reading("places", "Booths and lots")


class PlaceSchema(Schema):
    """A booth or a lot. `x_m`, `y_m`: metres east and north of the district's origin."""

    id = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf((BOOTH, LOT)))
    name = fields.String(required=True)
    letter = fields.String(required=True)
    x_m = fields.Integer(required=True)
    y_m = fields.Integer(required=True)
    hooks = fields.Integer(required=True)
    kerb_spaces = fields.Integer(required=True)
    stalls = fields.Integer(required=True)
    is_open = fields.Boolean(required=True)


@reads(blueprint, "/places", page_of(PlaceSchema, "PlacePage"), PageQuerySchema)
def list_places(query: dict[str, Any]) -> dict[str, Any]:
    """Places by id."""
    return services().database.read(
        lambda session: read_page(session, select(PlaceRow), PlaceRow.id, query)
    )
