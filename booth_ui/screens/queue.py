"""The queue: the cars that somebody waits for, and what to do next."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.card_view import booth_sections, lot_sections
from booth_ui.desk import station, viewer
from booth_ui.page import go, opened, show

blueprint = Blueprint("queue", __name__)


@blueprint.get("/")
def start() -> AnyResponse:
    """The address that the kiosk opens."""
    return go("/queue")


@blueprint.get("/queue")
def queue() -> Response:
    """Rows by promised time; a booth and a lot ask different questions of the same cars."""
    at = station()
    opened("queue")
    arrange = lot_sections if at.role == "lot" else booth_sections
    return show(
        "queue.html", sections=arrange(at.queue(), viewer(), at.place()), has_draft=at.draft()
    )
