"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from server.api.problem import problem
from server.api.route import problems
from server.watch import watch

blueprint = Blueprint("health", __name__, description="Liveness and readiness")

_NOT_READY = {
    503: (
        "A part is not ready. `parts` names each and says `ok` or why: `unreachable` (the "
        "database), `behind` (its migrations), `not_seen` (no worker lately), `not_looked_at`"
    )
}


class HealthSchema(Schema):
    """It answers, so it lives."""

    status = fields.String(required=True)


class PartsSchema(Schema):
    """`ok`, or why a part is not ready."""

    database = fields.String(required=True)
    migrations = fields.String(required=True)
    worker = fields.String(required=True)


class ReadySchema(Schema):
    """All parts are ready."""

    status = fields.String(required=True)
    parts = fields.Nested(PartsSchema, required=True)


@blueprint.get("/healthz")
@blueprint.response(200, HealthSchema)
def health() -> dict[str, str]:
    """Answer, and ask nobody: a process is not to be ended because its database is."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.response(200, ReadySchema)
@problems(blueprint, _NOT_READY)
def ready() -> dict[str, Any] | Response:
    """Answer whether the database answers and has our tables, and a worker was seen lately."""
    found = watch().readiness.parts()
    if found.faults:
        return problem(503, "part_not_ready", parts=asdict(found))
    return {"status": "ready", "parts": asdict(found)}
