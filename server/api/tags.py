"""`/v1/tags`: the enrolled tags."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas.district import TAG_KINDS, TAG_STATUSES
from server.api.paging import PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import TagRow
from server.permissions import Permission

blueprint = reading("tags", "Key tags, claim tags and badges")


class TagSchema(Schema):
    """An enrolled tag and the label printed on it. `secure`: it proves itself at each reading."""

    id = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(TAG_KINDS))
    label = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(TAG_STATUSES))
    secure = fields.Boolean(required=True, attribute="is_secure")


class TagQuerySchema(PageQuerySchema):
    """Which tags."""

    kind = fields.String(load_default=None, validate=validate.OneOf(TAG_KINDS))
    status = fields.String(load_default=None, validate=validate.OneOf(TAG_STATUSES))


@reads(blueprint, "/tags", page_of(TagSchema, "TagPage"), TagQuerySchema, Permission.TODAY)
def list_tags(query: dict[str, Any]) -> dict[str, Any]:
    """Tags by id."""
    statement = select(TagRow)
    if query["kind"] is not None:
        statement = statement.where(TagRow.kind == query["kind"])
    if query["status"] is not None:
        statement = statement.where(TagRow.status == query["status"])
    return services().database.read(lambda session: read_page(session, statement, TagRow.id, query))
