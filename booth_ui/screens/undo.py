"""The button that takes back what was just done."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go
from schemas.problems import Refusal

blueprint = Blueprint("undo", __name__)


@blueprint.post("/undo")
def undo() -> AnyResponse:
    """Take it back and say so; a refusal is shown as any other. A tap names its `visit` and its
    `event`; what was done at the screen, the offer that was made for it."""
    visit_id, event_id = request.form.get("visit", ""), request.form.get("event", "")
    if event_id:
        # A second tap on the button finds nothing left to take back, and says the same.
        desk().once.run(f"undo {event_id}", lambda: take_back(visit_id, event_id))
        return go(f"/tickets/{visit_id}", "done.undo")
    desk().undo.take(request.form.get("undo", ""), station().now())
    return go("/queue", "done.undo")


@blueprint.get("/undo")
def nothing() -> AnyResponse:
    """Nothing to see under this address; a locked screen comes back to it."""
    return go("/queue")


def take_back(visit_id: str, event_id: str | None = None) -> str:
    """What was said of the car last was a mistake; the ticket's code. Refusal `too_late`, and what
    `TakingBack.take_back` gives."""
    desk_of_mistakes = station().floor.taking_back
    if event_id is None:
        said = desk_of_mistakes.offered(visit_id)
        if said is None:
            raise Refusal("too_late")
        event_id = said.id
    return desk_of_mistakes.take_back(visit_id, event_id)


def undoable_move(visit_id: str, act: Callable[[], str]) -> Callable[[], str]:
    """The same act, which says where a car is, and an offer to take that back."""

    def both() -> str:
        outcome = act()
        at = station()
        said = at.floor.taking_back.offered(visit_id)
        if said is not None:
            event_id = said.id
            desk().undo.offer(lambda: at.floor.taking_back.take_back(visit_id, event_id), at.now())
        return outcome

    return both


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
