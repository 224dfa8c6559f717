"""Practice: begin and end it, and say what it is."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, opened, show
from schemas.problems import Refusal

blueprint = Blueprint("practice", __name__, url_prefix="/practice")


@blueprint.get("")
def about() -> Response:
    """What practice is, and the way in."""
    opened("status")
    return show("practice.html")


@blueprint.post("/start")
def start() -> AnyResponse:
    """Whatever is done from now on is thrown away."""
    practice, actor = desk().practice, station().actor()
    if practice is None or actor is None:
        raise Refusal("bad_choice")
    desk().half_typed.drop()
    practice.start(actor)
    return go("/queue", "done.practice_on")


@blueprint.post("/end")
def end() -> AnyResponse:
    """Back to work."""
    practice = desk().practice
    if practice is not None:
        practice.stop()
    desk().half_typed.drop()
    return go("/queue", "done.practice_off")


@blueprint.get("/start")
@blueprint.get("/end")
def nothing() -> AnyResponse:
    """Nothing to see under these addresses; a locked screen comes back to them."""
    return go("/practice")
