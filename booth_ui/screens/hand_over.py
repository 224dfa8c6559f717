"""Hand over: the key is back, the plate is read aloud, the driver proves who they are."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.card_view import row_of
from booth_ui.desk import desk, station, viewer
from booth_ui.page import go, once, opened, show
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
        ticket = once(lambda: station().hand_over(visit_id, states.PROOF_CODE, code=code).code)
    except Refusal as refusal:
        return _ask_code(visit_id, refusal)
    return go("/queue", "done.hand_over", code=ticket)


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
        ticket = once(
            lambda: station().hand_over(visit_id, states.PROOF_SUPERVISOR, reason=reason).code
        )
    except Refusal as refusal:
        return _ask_reason(visit_id, refusal)
    return go("/queue", "done.hand_over", code=ticket)


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
