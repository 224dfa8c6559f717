"""The button that takes back what was just done."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go

blueprint = Blueprint("undo", __name__)


@blueprint.post("/undo")
def undo() -> AnyResponse:
    """Take it back and say so; a refusal is shown as any other."""
    desk().undo.take(request.form.get("undo", ""), station().now())
    return go("/queue", "done.undo")


@blueprint.get("/undo")
def nothing() -> AnyResponse:
    """Nothing to see under this address; a locked screen comes back to it."""
    return go("/queue")


def undoable_request(visit_id: str, act: Callable[[], str]) -> Callable[[], str]:
    """The same act, which changes what the driver asked for, and an offer to put that back."""

    def both() -> str:
        at = station()
        before = at.card(visit_id)
        outcome = act()

        def put_back() -> None:
            if before.request_booth_id is None:
                at.cancel_request(visit_id)
            else:
                at.request_car(visit_id, before.request_booth_id, before.wanted_at)

        desk().undo.offer(put_back, at.now())
        return outcome

    return both
