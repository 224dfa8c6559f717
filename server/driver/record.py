"""What a driver takes home: the record of a visit that is over, and the program to check it."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Response, make_response
from sqlalchemy.orm import Session

from server import clock
from server.app import services
from server.driver.blueprint import blueprint
from server.links import find_visit
from server.visit_record import visit_record

_VERIFIER = Path(__file__).parents[1] / "verify_record.py"


@blueprint.get("/<token>/record.json")
def record(token: str) -> Response:
    """The record of the visit behind a link; a tap of the claim card does not open it."""
    found, now = services(), clock.now()

    def read(session: Session) -> tuple[str, str]:
        visit = find_visit(session, token, now)
        made = visit_record(session, found.config, found.key, visit, now)
        return visit.code, json.dumps(made, indent=1)

    code, body = found.database.read(read)
    return _attached(body, "application/json", f"{code}.json")


@blueprint.get("/verify_record.py")
def verifier() -> Response:
    """The program, as it is here: it stands alone in its file."""
    return _attached(
        _VERIFIER.read_text(encoding="utf-8"), "text/x-python; charset=utf-8", _VERIFIER.name
    )


def _attached(body: str, content_type: str, name: str) -> Response:
    response = make_response(body)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
