"""One visit's page."""

from __future__ import annotations

from flask import render_template
from sqlalchemy.orm import Session

from server import guests
from server.app import services
from server.manager.blueprint import blueprint
from server.reports.visit_story import visit_story


@blueprint.get("/visits/<visit_id>")
def visit(visit_id: str) -> str:
    """All that is known of a visit, in the order in which it happened."""
    found = services()

    def read(session: Session) -> dict[str, object]:
        story = visit_story(session, visit_id)
        guest = guests.load(session, found.key, story.visit.guest_ref)
        return {"story": story, "plate": None if guest is None else guest.plate}

    return render_template("manager/visit.html", **found.database.read(read))
