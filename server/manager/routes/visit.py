"""One visit's page."""

from __future__ import annotations

from flask import Response, render_template
from sqlalchemy.orm import Session

from schemas.payment import METHODS
from server import clock, guest_looks, guests
from server.app import photo_store, services
from server.driver.said import notes_of
from server.manager.blueprint import blueprint, may_see, person
from server.masking import masked_phone, masked_plate
from server.payments import payments_of
from server.permissions import Permission, needs
from server.photos import content_of, photos_of, stored_photo
from server.reports.visit_looks import visit_looks
from server.reports.visit_story import visit_story
from server.tariff import money


@blueprint.get("/visits/<visit_id>")
@needs(Permission.VISIT)
def visit(visit_id: str) -> str:
    """All that is known of a visit, in the order in which it happened. The driver is told who has
    looked."""
    return _page(visit_id, guest_looks.VISIT_PAGE)


@blueprint.post("/visits/<visit_id>/phone")
@needs(Permission.PHONES)
def visit_phone(visit_id: str) -> str:
    """The same page, once, with the driver's number on it; the driver is told who has seen it."""
    return _page(visit_id, guest_looks.PHONE)


def _page(visit_id: str, screen: str) -> str:
    found, now, viewer_id = services(), clock.now(), person().id
    is_whole, has_phone = may_see(Permission.PHONES), screen == guest_looks.PHONE

    def read(session: Session) -> dict[str, object]:
        story = visit_story(session, visit_id)
        guest = guests.load(session, found.key, story.visit.guest_ref)
        plate, phone = (None, None) if guest is None else (guest.plate, guest.phone)
        if guest is not None:
            guest_looks.note(session, [visit_id], viewer_id, screen, now)
        if plate is not None and not is_whole:
            plate = masked_plate(plate)
        if phone is not None and not has_phone:
            phone = masked_phone(phone)
        return {
            "story": story,
            "plate": plate,
            "phone": phone,
            "has_whole_phone": has_phone,
            "looks": visit_looks(session, visit_id),
            "notes": notes_of(session, found.key, visit_id),
            "photos": photos_of(session, found.config, visit_id, now),
            "payments": payments_of(session, visit_id),
            "methods": METHODS,
            "money": money,
        }

    return render_template("manager/visit.html", **found.database.write(read))


@blueprint.get("/visits/<visit_id>/photos/<sha256>.jpg")
@needs(Permission.PHONES)
def visit_photo(visit_id: str, sha256: str) -> Response:
    """One photo of a visit, as it was taken: most show the plate, too. `Refusal` `unknown_photo`,
    `photo_altered`."""
    photo = services().database.read(lambda session: stored_photo(session, visit_id, sha256))
    return Response(content_of(photo_store(), photo), content_type="image/jpeg")
