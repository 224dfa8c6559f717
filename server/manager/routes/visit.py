"""One visit's page."""

from __future__ import annotations

from flask import Response, render_template
from sqlalchemy.orm import Session

from server import clock, guest_looks, guests
from server.app import photo_store, services
from server.driver.said import notes_of
from server.manager.blueprint import blueprint, person
from server.photos import content_of, photos_of, stored_photo
from server.reports.visit_story import visit_story


@blueprint.get("/visits/<visit_id>")
def visit(visit_id: str) -> str:
    """All that is known of a visit, in the order in which it happened. The driver is told who has
    looked."""
    found, now, viewer_id = services(), clock.now(), person().id

    def read(session: Session) -> dict[str, object]:
        story = visit_story(session, visit_id)
        guest = guests.load(session, found.key, story.visit.guest_ref)
        if guest is not None:
            guest_looks.note(session, [visit_id], viewer_id, guest_looks.VISIT_PAGE, now)
        return {
            "story": story,
            "plate": None if guest is None else guest.plate,
            "notes": notes_of(session, found.key, visit_id),
            "photos": photos_of(session, found.config, visit_id, now),
        }

    return render_template("manager/visit.html", **found.database.write(read))


@blueprint.get("/visits/<visit_id>/photos/<sha256>.jpg")
def visit_photo(visit_id: str, sha256: str) -> Response:
    """One photo of a visit, as it was taken. `Refusal` `unknown_photo`, `photo_altered`."""
    photo = services().database.read(lambda session: stored_photo(session, visit_id, sha256))
    return Response(content_of(photo_store(), photo), content_type="image/jpeg")
