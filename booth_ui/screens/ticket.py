"""One ticket: where the car is, who has the key, what can be done about it."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui import ticket_actions
from booth_ui.card_view import fact_words, held_words, row_of, where_words
from booth_ui.desk import station, viewer
from booth_ui.page import go, once, opened, show
from booth_ui.ticket_steps import steps_of
from schemas.district import BOOTH, LOT
from schemas.problems import Refusal

blueprint = Blueprint("ticket", __name__, url_prefix="/tickets/<visit_id>")

WAITS_MIN = (0, 15, 30, 60)
"""When the driver wants the car: as soon as may be, or in so many minutes."""


@blueprint.get("")
def ticket(visit_id: str) -> Response:
    """The ticket with its steps and its actions."""
    return _ticket(visit_id)


@blueprint.post("")
def act(visit_id: str) -> AnyResponse:
    """Do one of the actions that need nothing more."""
    name = request.form.get("do", "")
    doing = {
        ticket_actions.TAKE: lambda: station().take(visit_id),
        ticket_actions.READY: lambda: station().ready(visit_id),
        ticket_actions.CANCEL: lambda: station().cancel_request(visit_id),
    }
    try:
        if name not in doing:
            raise Refusal("bad_choice")
        code = once(lambda: doing[name]().code)
    except Refusal as refusal:
        return _ticket(visit_id, refusal)
    return go(f"/tickets/{visit_id}", f"done.{name}", code=code)


@blueprint.get("/request")
def choose_request(visit_id: str) -> Response:
    """Where and when the driver wants the car."""
    return _choose_request(visit_id)


@blueprint.post("/request")
def ask_for(visit_id: str) -> AnyResponse:
    """Ask for the car, or ask differently."""
    try:
        booth_id = request.form.get("booth", "")
        wait_min = _wait_min(request.form.get("wait", "0"))
        wanted_at = station().now() + timedelta(minutes=wait_min) if wait_min else None
        code = once(lambda: station().request_car(visit_id, booth_id, wanted_at).code)
    except Refusal as refusal:
        return _choose_request(visit_id, refusal)
    return go(f"/tickets/{visit_id}", "done.request", code=code)


@blueprint.get("/take")
def choose_lot(visit_id: str) -> Response:
    """Which lot to drive the car to."""
    return _choose_lot(visit_id)


@blueprint.post("/take")
def take(visit_id: str) -> AnyResponse:
    """Drive off to the chosen lot."""
    try:
        lot_id = request.form.get("lot", "")
        code = once(lambda: station().take(visit_id, lot_id).code)
    except Refusal as refusal:
        return _choose_lot(visit_id, refusal)
    return go("/queue", "done.take", code=code)


@blueprint.get("/park")
def choose_stall(visit_id: str) -> Response:
    """The stall's number, for who knows it."""
    return _choose_stall(visit_id)


@blueprint.post("/park")
def park(visit_id: str) -> AnyResponse:
    """The car stands here; an empty stall is no fault."""
    try:
        stall = request.form.get("stall", "").strip() or None
        code = once(lambda: station().park(visit_id, stall).code)
    except Refusal as refusal:
        return _choose_stall(visit_id, refusal)
    return go("/queue", "done.park", code=code)


def _ticket(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    opened("ticket", visit_id)
    return show(
        "ticket.html",
        refusal=refusal,
        card=card,
        row=row_of(card, viewer()),
        held=held_words(card, viewer()),
        disputed=[fact_words(line, viewer(), card.code) for line in at.disputes.facts(visit_id)],
        steps=steps_of(card),
        photo_count=len(at.photos.of(visit_id)),
        actions=ticket_actions.actions_for(card, at.role, at.place_id),
    )


def _choose_request(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    booths = [place for place in station().places() if place.kind == BOOTH]
    # The booth where the driver stands comes first.
    booths.sort(key=lambda place: (place.id != station().place_id, place.name))
    return show(
        "request.html",
        refusal=refusal,
        card=card,
        booths=booths,
        chosen=card.request_booth_id or station().place_id,
        waits=WAITS_MIN,
    )


def _choose_lot(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    lots = [place for place in station().places() if place.kind == LOT]
    return show("take.html", refusal=refusal, card=card, lots=lots)


def _choose_stall(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    return show("park.html", refusal=refusal, card=card, where=where_words(card, viewer()))


def _wait_min(text: str) -> int:
    """Raises `Refusal("bad_choice")` for a wait that the screen does not offer."""
    if text not in {str(wait) for wait in WAITS_MIN}:
        raise Refusal("bad_choice")
    return int(text)
