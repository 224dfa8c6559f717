"""One ticket: where the car is, who has the key, what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui import ticket_actions
from booth_ui.car_notes import driving_notes
from booth_ui.card_view import fact_words, held_words, promised_at, row_of, where_words, why_words
from booth_ui.desk import station, viewer
from booth_ui.page import go, once, opened, show
from booth_ui.paging import page_of
from booth_ui.screens.undo import take_back, undoable_move, undoable_request
from booth_ui.ticket_facts import TicketFact, brief_of, facts_of
from booth_ui.ticket_steps import steps_of
from reader_agent.card import Card
from reader_agent.waiting import DELAY_MINUTES
from schemas.district import BOOTH, LOT
from schemas.problems import Refusal
from schemas.states import DELAY_REASONS, HELD, PARKED

blueprint = Blueprint("ticket", __name__, url_prefix="/tickets/<visit_id>")

STALLS_SHOWN = 6
"""Free stalls of which one tap picks another than the one that was proposed."""
ACTIONS_SHOWN = 5
"""So many fit beside a ticket, the likeliest; what can be undone just now goes before the last of
them."""
FACTS_SHOWN, FACTS_BESIDE_NOTES, FACTS_A_PAGE = 7, 3, 8
"""How much of a ticket is shown at once: on its face, beside what is wrong with it, and where all
of it is read."""
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
    doing: dict[str, Callable[[], str]] = {
        ticket_actions.TAKE: undoable_move(visit_id, lambda: station().take(visit_id).code),
        ticket_actions.READY: undoable_move(visit_id, lambda: station().ready(visit_id).code),
        ticket_actions.UNDO: lambda: take_back(visit_id),
        ticket_actions.CANCEL: undoable_request(
            visit_id, lambda: station().cancel_request(visit_id).code
        ),
        ticket_actions.CALL: lambda: station().floor.waiting.call(visit_id),
    }
    try:
        if name not in doing:
            raise Refusal("bad_choice")
        code = once(doing[name])
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

        def ask() -> str:
            return station().request_car(visit_id, booth_id, wanted_at).code

        code = once(undoable_request(visit_id, ask))
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
        if not lot_id:
            raise Refusal("bad_choice")
        code = once(undoable_move(visit_id, lambda: station().take(visit_id, lot_id).code))
    except Refusal as refusal:
        return _choose_lot(visit_id, refusal)
    return go("/queue", "done.take", code=code)


@blueprint.get("/delay")
def choose_delay(visit_id: str) -> Response:
    """How much later the car comes, and why."""
    return _choose_delay(visit_id)


@blueprint.post("/delay")
def delay(visit_id: str) -> AnyResponse:
    """Tell the driver of a later time; a request is never turned down."""
    try:
        minutes = request.form.get("minutes", "")
        if minutes not in {str(choice) for choice in DELAY_MINUTES}:
            raise Refusal("bad_choice")
        reason = request.form.get("reason", "")
        code = once(lambda: station().floor.waiting.delay(visit_id, int(minutes), reason))
    except Refusal as refusal:
        return _choose_delay(visit_id, refusal)
    return go(f"/tickets/{visit_id}", "done.delay", code=code)


@blueprint.get("/park")
def choose_stall(visit_id: str) -> Response:
    """The stall's number, for who knows it."""
    return _choose_stall(visit_id)


@blueprint.post("/park")
def park(visit_id: str) -> AnyResponse:
    """The car stands here; an empty stall is no fault, and takes none away that is known."""
    try:
        stall = (request.form.get("pick") or request.form.get("stall", "")).strip() or None
        if stall is None and _stands_here(station().card(visit_id)):
            return go("/queue")
        code = once(undoable_move(visit_id, lambda: station().park(visit_id, stall).code))
    except Refusal as refusal:
        return _choose_stall(visit_id, refusal)
    return go("/queue", "done.park", code=code)


@blueprint.get("/facts")
@blueprint.get("/facts/<int:number>")
def facts(visit_id: str, number: int = 1) -> Response:
    """All that there is to read of the car."""
    card = station().card(visit_id)
    opened("ticket", visit_id)
    return show("ticket_facts.html", card=card, page=page_of(_facts(card), number, FACTS_A_PAGE))


def _facts(card: Card) -> list[TicketFact]:
    reader, at = viewer(), station()
    notes = driving_notes(at.photos.reception(card.visit_id), reader)
    row, why = row_of(card, reader), why_words(card, reader)
    return facts_of(card, row, notes, why, reader, at.place_id)


def _ticket(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    opened("ticket", visit_id)
    actions = ticket_actions.actions_for(card, at.role, at.place_id)[:ACTIONS_SHOWN]
    mistake = at.floor.taking_back.offered(visit_id)
    if mistake is not None:
        actions = [*actions[: ACTIONS_SHOWN - 1], ticket_actions.undo_of(mistake)]
    facts = _facts(card)
    is_narrow = card.state == HELD or len(card.reports) > 1
    return show(
        "ticket.html",
        refusal=refusal,
        card=card,
        row=row_of(card, viewer()),
        brief=brief_of(facts, FACTS_BESIDE_NOTES if is_narrow else FACTS_SHOWN),
        held=held_words(card, viewer()),
        disputed=[fact_words(line, viewer(), card.code) for line in at.disputes.facts(visit_id)],
        steps=steps_of(card),
        photo_count=len(at.photos.of(visit_id)),
        actions=actions,
    )


def _choose_request(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    booths = [place for place in at.places() if place.kind == BOOTH]
    # The booth where the driver stands comes first.
    booths.sort(key=lambda place: (place.id != at.place_id, place.name))
    return show(
        "request.html",
        refusal=refusal,
        card=card,
        booths=booths,
        # Nobody waits at a lot: most want the car where they left it.
        chosen=card.request_booth_id or (card.booth_id if at.role == LOT else at.place_id),
        waits=WAITS_MIN,
    )


def _choose_lot(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    lots = [place for place in at.places() if place.kind == LOT]
    notes = driving_notes(at.photos.reception(visit_id), viewer())
    is_only = len(lots) == 1
    return show("take.html", refusal=refusal, card=card, lots=lots, notes=notes, is_only=is_only)


def _choose_stall(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    opened("park", visit_id)
    stands_here = _stands_here(card)
    stalls = [stall for stall in at.room.stalls(STALLS_SHOWN + 1) if stall != card.stall]
    return show(
        "park.html",
        refusal=refusal,
        card=card,
        stands_here=stands_here,
        stalls=stalls[:STALLS_SHOWN],
        where=where_words(card, viewer()),
    )


def _stands_here(card: Card) -> bool:
    return card.car == PARKED and card.place_id == station().place_id


def _choose_delay(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    opened("ticket", visit_id)
    return show(
        "delay.html",
        refusal=refusal,
        card=card,
        minutes=DELAY_MINUTES,
        reasons=DELAY_REASONS,
        at=promised_at(card),
    )


def _wait_min(text: str) -> int:
    """Raises `Refusal("bad_choice")` for a wait that the screen does not offer."""
    if text not in {str(wait) for wait in WAITS_MIN}:
        raise Refusal("bad_choice")
    return int(text)
