"""`/v1/messages`: text messages and how they ended; never with a number."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from schemas.catalog import LANGUAGES
from server.api.paging import ID_PATTERN, PageQuerySchema, page_of, read_page
from server.api.route import reading, reads
from server.app import services
from server.models import MessageRow
from server.outbox import STATUSES, TEMPLATES

blueprint = reading("messages", "Text messages and how they ended")


class MessageSchema(Schema):
    """One message. `status` unknown: nobody can say whether it went out; a person decides.
    `cost_micros`: millionths of a balboa, an estimate until the carrier has told."""

    id = fields.String(required=True)
    visit_id = fields.String(required=True)
    template = fields.String(required=True, validate=validate.OneOf(TEMPLATES))
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    tries = fields.Integer(required=True)
    parts = fields.Integer(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    not_before = fields.AwareDateTime(required=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    provider_id = fields.String(required=True, allow_none=True)
    fault = fields.String(required=True, allow_none=True)
    cost_micros = fields.Integer(required=True, allow_none=True)
    settled_at = fields.AwareDateTime(required=True, allow_none=True)


class MessageQuerySchema(PageQuerySchema):
    """Which messages."""

    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))
    visit = fields.String(load_default=None, validate=ID_PATTERN)


@reads(blueprint, "/messages", page_of(MessageSchema, "MessagePage"), MessageQuerySchema)
def list_messages(query: dict[str, Any]) -> dict[str, Any]:
    """Messages in the order in which they were caused."""
    statement = select(MessageRow)
    if query["status"] is not None:
        statement = statement.where(MessageRow.status == query["status"])
    if query["visit"] is not None:
        statement = statement.where(MessageRow.visit_id == query["visit"])
    return services().database.read(
        lambda session: read_page(session, statement, MessageRow.id, query)
    )
