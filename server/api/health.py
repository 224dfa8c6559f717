"""Whether this process can do its work."""

from __future__ import annotations

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from server.app import services
from server.district import current_version

blueprint = Blueprint("health", __name__, description="Liveness")


class HealthSchema(Schema):
    """`version`: the district version that this process reads."""

    status = fields.String(required=True)
    version = fields.Integer(required=True)


@blueprint.get("/healthz")
@blueprint.response(200, HealthSchema)
def health() -> dict[str, str | int]:
    """Answer once the database has answered."""
    version = services().database.read(current_version)
    return {"status": "ok", "version": version}
