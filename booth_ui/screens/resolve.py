"""A held visit: both facts, and a supervisor's word on which of them is true."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.card_view import fact_words
from booth_ui.desk import desk, station, viewer
from booth_ui.page import go, once, opened, show
from schemas.catalog import DEFAULT_LANGUAGE
from schemas.problems import Refusal

blueprint = Blueprint("resolve", __name__, url_prefix="/tickets/<visit_id>/resolve")

REASONS = ("saw_it", "was_told", "driver_said")
"""How the supervisor knows (words: `resolve.reason_<name>`)."""


@blueprint.get("")
def ask(visit_id: str) -> Response:
    """What cannot all be true, and what may be."""
    return _ask(visit_id)


@blueprint.post("")
def settle(visit_id: str) -> AnyResponse:
    """This is true; everywhere, and for good."""
    ending, name = request.form.get("ending", ""), request.form.get("reason", "")
    try:
        if name not in REASONS:
            raise Refusal("reason_needed")
        # What stays in the journal is read by people: words, in the district's language.
        reason = desk().catalog.text(DEFAULT_LANGUAGE, f"resolve.reason_{name}")
        code = once(lambda: station().disputes.settle(visit_id, ending, reason))
    except Refusal as refusal:
        return _ask(visit_id, refusal)
    return go("/queue", "done.resolve", code=code)


def _ask(visit_id: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    opened("ticket", visit_id)
    return show(
        "resolve.html",
        refusal=refusal,
        card=card,
        facts=[fact_words(line, viewer(), card.code) for line in at.disputes.facts(visit_id)],
        endings=at.disputes.endings(visit_id),
        reasons=REASONS,
        may_settle=at.disputes.may_settle(),
    )
