"""Events that were refused, and addresses that lead nowhere."""

from __future__ import annotations

from flask import abort, render_template, request

from server.app import services
from server.manager.blueprint import blueprint
from server.permissions import Permission, needs
from server.reports.refused_events import refused_events


@blueprint.get("/refused")
@needs(Permission.TODAY)
def refused() -> str:
    """The lines kept for a person, the newest first; `before` names the last one seen."""
    found = services()
    limit, before = found.config.page_rows, request.args.get("before")
    events = found.database.read(lambda session: refused_events(session, limit, before))
    return render_template("manager/refused.html", events=events, is_full=len(events) == limit)


@blueprint.get("/<path:_anything>")
@needs(Permission.TODAY)
def nowhere(_anything: str) -> str:
    """Under /manage, also a wrong address answers with a page."""
    abort(404)
