"""A ticket on paper: its number and the driver's link as a QR code, for whom no text can reach."""

from __future__ import annotations

from flask import render_template
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server import clock, guest_looks, links, visits
from server.app import services
from server.driver.qr import qr_svg
from server.manager.blueprint import blueprint, person
from server.permissions import Permission, needs
from server.sms.text import link_to


@blueprint.get("/visits/<visit_id>/slip")
@needs(Permission.DECIDE)
def slip(visit_id: str) -> str:
    """The slip of a visit whose link is active. The driver is told who has printed it, because
    the link opens all that the driver's own does."""
    found, now, printed_by = services(), clock.now(), person().id

    def read(session: Session) -> tuple[str, str | None]:
        visit = visits.get_row(session, visit_id)
        token = links.token_of(found.key, visit_id)
        try:
            links.find_visit(session, token, now)
        except Refusal:
            return visit.code, None
        guest_looks.note(session, [visit_id], printed_by, guest_looks.SLIP, now)
        return visit.code, link_to(found.config.public_url, token)

    code, link = found.database.write(read)
    qr = None if link is None else qr_svg(link)
    return render_template(
        "manager/slip.html",
        visit_id=visit_id,
        code=code,
        link=link,
        qr=qr,
        words=found.catalog.text,
    )
