"""Lists a page at a time: `limit` rows after the one named by `after`, in the order of ids."""

from __future__ import annotations

from typing import Any, TypeVar

from marshmallow import Schema, fields, validate
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.app import services

T = TypeVar("T")

LIMIT_MAX = 1000
ID_PATTERN = validate.Regexp(r"\A[A-Za-z0-9:._-]{1,80}\Z")


class PageQuerySchema(Schema):
    """Which page. `after` is the `next` of the page before; the server may give fewer rows
    than `limit` (its own limit is in its configuration)."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, LIMIT_MAX))
    after = fields.String(load_default=None, validate=ID_PATTERN)


def page_of(item: type[Schema], name: str) -> type[Schema]:
    """The schema of a page of `item`: `items`, and `next` (null on the last page)."""
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True),
    }
    return Schema.from_dict(members, name=name)


def read_page(
    session: Session,
    statement: Select[T],
    key: InstrumentedAttribute[str],
    query: dict[str, Any],
) -> dict[str, Any]:
    """One page of the rows of `statement`, which selects one entity, by the order of `key`."""
    limit = rows_of(query)
    if query["after"] is not None:
        statement = statement.where(key > query["after"])
    rows = list(session.scalars(statement.order_by(key).limit(limit + 1)))
    more = len(rows) > limit
    return {"items": rows[:limit], "next": getattr(rows[limit - 1], key.key) if more else None}


def rows_of(query: dict[str, Any]) -> int:
    """How many rows a page gets: what was asked for, within the configuration's limit."""
    return min(int(query["limit"]), services().config.page_rows)
