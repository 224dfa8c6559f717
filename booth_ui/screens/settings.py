"""The looks of this screen, kept in cookies; and everybody's own PIN."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station, viewer
from booth_ui.page import go, opened, show
from booth_ui.viewer import CHOICES, keep_choice
from reader_agent.pins import PIN_LENGTH
from schemas.problems import Refusal

blueprint = Blueprint("settings", __name__)


@blueprint.get("/settings")
def settings() -> Response:
    """Everything that can be chosen."""
    opened("status")
    seen = viewer()
    looks = {"language": seen.language, "theme": seen.light, "hand": seen.hand}
    return show("settings.html", choices=CHOICES, chosen={**looks, "volume": seen.volume})


@blueprint.post("/settings")
def change() -> AnyResponse:
    """Keep a choice and go back to where it was made."""
    back = request.form.get("back", "")
    response = go(back if is_ours(back) else "/queue")
    for name in CHOICES:
        keep_choice(response, name, request.form.get(name))
    return response


@blueprint.get("/settings/pin")
def ask_pin() -> Response:
    """Six digits of one's own."""
    return _ask_pin()


@blueprint.post("/settings/pin")
def take_pin() -> AnyResponse:
    """Keep them for whoever is signed in."""
    try:
        station().pins.choose(request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_pin(refusal)
    return go("/settings", "done.pin")


def is_ours(path: str) -> bool:
    """Whether the path stays on this station: `//host` and `/\\host` would leave it."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def _ask_pin(refusal: Refusal | None = None) -> Response:
    opened("status")
    return show("settings_pin.html", refusal=refusal, length=PIN_LENGTH)
