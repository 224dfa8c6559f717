"""`/v1/places`: booths and lots."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas.district import BOOTH, LOT
from schemas.hours import HoursSchema
from server.api.paging import PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import PlaceRow
from server.permissions import Permission

blueprint = reading("places", "Booths and lots")


class PlaceSchema(Schema):
    """A booth or a lot. `x_m`, `y_m`: metres east and north of the district's origin.

    `is_open` false closes it, whatever its `hours` say; without any hours it is always open.
    """

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
    hours = fields.List(
        fields.Nested(HoursSchema),
        required=True,
        metadata={
            "description": "Weekdays (0 is Monday) and local times; past midnight where the end is "
            "not later than the beginning"
        },
    )


@reads(blueprint, "/places", page_of(PlaceSchema, "PlacePage"), PageQuerySchema, Permission.TODAY)
def list_places(query: dict[str, Any]) -> dict[str, Any]:
    """Places by id."""
    return services().database.read(
        lambda session: read_page(session, select(PlaceRow), PlaceRow.id, query)
    )
