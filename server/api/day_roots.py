"""`/v1/ledger/roots`: the roots of the closed days, for anybody.

They say how many lines a day has and nothing of what is in them. Who keeps a copy can show
later that a day was changed.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.paging import LIMIT_MAX, rows_of
from server.api.route import problems
from server.app import services
from server.day_roots import public_key, read_root
from server.models import DayRootRow

blueprint = Blueprint(
    "ledger", __name__, url_prefix="/v1", description="The roots of the closed days"
)
_HASH = validate.Regexp(r"[0-9a-f]{64}\Z")
_DATE = validate.Regexp(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class DayRootSchema(Schema):
    """One closed day. `root`: Merkle root (RFC 6962, SHA-256) over its `count` lines;
    `previous`: SHA-256 of the statement of the day before (zeros for the first); `signature`:
    Ed25519 over the statement, which is the JSON of the other members and `type`
    `valet-day-root`, with sorted keys and no spaces."""

    date = fields.String(required=True, validate=_DATE)
    count = fields.Integer(required=True)
    root = fields.String(required=True, validate=_HASH)
    previous = fields.String(required=True, validate=_HASH)
    closed_at = fields.String(required=True, metadata={"format": "date-time"})
    signature = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{128}\Z"))


class DayRootPageSchema(Schema):
    """Roots by date. `next` is null on the last page."""

    public_key = fields.String(required=True, validate=_HASH)
    items = fields.List(fields.Nested(DayRootSchema), required=True)
    next = fields.String(required=True, allow_none=True)


class DayRootQuerySchema(Schema):
    """Which days: those after a date."""

    after = fields.String(load_default=None, validate=_DATE)
    limit = fields.Integer(load_default=LIMIT_MAX, validate=validate.Range(1, LIMIT_MAX))


@blueprint.after_request
def _may_be_kept(response: Response) -> Response:
    # A root never changes; a new one comes once a day.
    if response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blueprint.get("/ledger/roots")
@blueprint.doc(security=[])
@blueprint.arguments(DayRootQuerySchema, location="query")
@problems(blueprint, {422: "The query cannot be used"})
@blueprint.response(200, DayRootPageSchema)
def list_day_roots(query: dict[str, Any]) -> dict[str, Any]:
    """The roots of the closed days, and the key that signs them."""
    found = services()
    limit = rows_of(query)

    def read(session: Session) -> list[DayRootRow]:
        statement = select(DayRootRow).where(DayRootRow.date > (query["after"] or ""))
        return list(session.scalars(statement.order_by(DayRootRow.date).limit(limit + 1)))

    rows = found.database.read(read)
    return {
        "public_key": public_key(found.key),
        "items": [read_root(row).to_wire() for row in rows[:limit]],
        "next": rows[limit - 1].date if len(rows) > limit else None,
    }
