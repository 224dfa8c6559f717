"""`/v1/people`: who works in the district."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas.district import ROLES
from server.api.paging import PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import PersonRow
from server.permissions import Permission

blueprint = reading("people", "Who works in the district")


class PersonSchema(Schema):
    """Somebody who works here; `badge_tag` is a tag's id."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)), required=True)
    badge_tag = fields.String(required=True, allow_none=True)
    is_active = fields.Boolean(required=True)


@reads(blueprint, "/people", page_of(PersonSchema, "PersonPage"), PageQuerySchema, Permission.TODAY)
def list_people(query: dict[str, Any]) -> dict[str, Any]:
    """People by id."""
    return services().database.read(
        lambda session: read_page(session, select(PersonRow), PersonRow.id, query)
    )
