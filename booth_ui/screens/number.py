"""What a driver without a phone takes along: the ticket's number, and the link as a picture."""

from __future__ import annotations

from flask import Blueprint, Response

from booth_ui.desk import station
from booth_ui.page import opened, show
from booth_ui.qr import qr_of

blueprint = Blueprint("number", __name__)


@blueprint.get("/tickets/<visit_id>/number")
def number(visit_id: str) -> Response:
    """The number, to be written down or photographed; the picture once the cloud has made the
    link, which takes a network."""
    at = station()
    card = at.card(visit_id)
    opened("ticket", visit_id)
    link = at.reception.link_of(visit_id)
    return show("number.html", card=card, qr=qr_of(link) if link else None)
