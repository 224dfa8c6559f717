"""Hand over: the key is shown, the plate is read aloud, the driver proves who they are."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.card_view import row_of
from booth_ui.desk import desk, station, viewer
from booth_ui.page import go, once, opened, show
from reader_agent.card import Card
from schemas import states
from schemas.catalog import DEFAULT_LANGUAGE
from schemas.district import SUPERVISOR
from schemas.problems import Refusal

blueprint = Blueprint("hand_over", __name__, url_prefix="/hand-over")

REASONS = ("lost_tag", "no_phone", "code_fails", "known_driver")
"""Why a supervisor vouches for the driver (words: `reason.<name>`)."""


@blueprint.get("")
def choose() -> AnyResponse:
    """The cars that stand here ready; with only one there is nothing to choose."""
    at = station()
    cards = [card for card in at.queue() if _is_ready_here(card.car, card.place_id)]
    if len(cards) == 1:
        return go(f"/hand-over/{cards[0].visit_id}")
    opened("hand_over")
    return show("hand_over_choose.html", rows=[row_of(card, viewer()) for card in cards])


@blueprint.get("/<visit_id>")
def ask_code(visit_id: str) -> Response:
    """The plate to read aloud, and the four digits to ask for."""
    return _ask_code(visit_id)


@blueprint.post("/<visit_id>")
def with_code(visit_id: str) -> AnyResponse:
    """Hand over against the driver's four digits."""
    code = request.form.get("code", "").strip()
    try:
        if not code:
            raise Refusal("bad_code")
        done = once(lambda: _given(station().hand_over(visit_id, states.PROOF_CODE, code=code)))
    except Refusal as refusal:
        return _ask_code(visit_id, refusal)
    return _gone(done)


@blueprint.post("/<visit_id>/key")
def show_key(visit_id: str) -> AnyResponse:
    """The number on the key tag, typed because its reader does not read it."""
    try:
        once(lambda: station().show_key(visit_id, request.form.get("key", "")).code)
    except Refusal as refusal:
        return _ask_code(visit_id, refusal)
    return go(f"/hand-over/{visit_id}")


@blueprint.get("/<visit_id>/stop")
def stop(visit_id: str) -> Response:
    """What was shown is of another car: nothing goes on from here but anew."""
    card = station().card(visit_id)
    opened("stop", visit_id)
    return show("hand_over_stop.html", card=card)


@blueprint.get("/<visit_id>/supervisor")
def ask_reason(visit_id: str) -> Response:
    """Why there is no proof, for a supervisor to answer."""
    return _ask_reason(visit_id)


@blueprint.post("/<visit_id>/supervisor")
def with_supervisor(visit_id: str) -> AnyResponse:
    """Hand over on a supervisor's word."""
    name = request.form.get("reason", "")
    try:
        if name not in REASONS:
            raise Refusal("reason_needed")
        # What stays in the journal is read by people: words, in the district's language.
        reason = desk().catalog.text(DEFAULT_LANGUAGE, f"reason.{name}")
        done = once(
            lambda: _given(
                station().hand_over(visit_id, states.PROOF_SUPERVISOR, reason=reason),
                is_tag_lost=name == "lost_tag",
            )
        )
    except Refusal as refusal:
        return _ask_reason(visit_id, refusal)
    return _gone(done)


def _given(card: Card, *, is_tag_lost: bool = False) -> str:
    """The ticket's code, and the claim tag that the driver still has: it goes back into the box."""
    return f"{card.code} {'' if is_tag_lost else card.claim_label or ''}"


def _gone(done: str) -> AnyResponse:
    code, _, claim = done.partition(" ")
    if claim:
        return go("/queue", "done.hand_over_claim", code=code, label=claim)
    return go("/queue", "done.hand_over", code=code)


def _is_ready_here(car: str, place_id: str) -> bool:
    return car == states.READY and place_id == station().place_id


def _ask_code(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    opened("hand_over", visit_id)
    return show(
        "hand_over.html",
        refusal=refusal,
        card=card,
        is_ready_here=_is_ready_here(card.car, card.place_id),
        is_key_shown=station().on_screen.shows_key(visit_id),
    )


def _ask_reason(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    opened("hand_over", visit_id)
    actor = station().actor()
    may_vouch = actor is not None and SUPERVISOR in actor.roles
    return show(
        "hand_over_supervisor.html",
        refusal=refusal,
        card=card,
        reasons=REASONS,
        may_vouch=may_vouch,
    )
