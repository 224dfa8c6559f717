"""Incidents in few steps: what happened, the detail, done; and a supervisor's word that ends it."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, once, opened, show
from reader_agent.incidents import DETAILS
from schemas import states
from schemas.catalog import DEFAULT_LANGUAGE
from schemas.problems import Refusal

blueprint = Blueprint("incident", __name__)

ENDINGS: dict[str, tuple[str, ...]] = {
    states.LOST_CLAIM: ("found", "identified"),
    states.LOST_KEY: ("found", "spare_key", "locksmith"),
    states.DAMAGE: ("agreed", "was_before", "insurance"),
    states.WRONG_CAR: ("came_back", "exchanged"),
    states.DO_NOT_DRIVE: ("checked", "towed"),
    states.ACCIDENT: ("agreed", "insurance", "police"),
}
"""How an incident ends (words: `settled.<name>`)."""


@blueprint.get("/incidents")
def incidents() -> Response:
    """All that is open in the district, the oldest first."""
    opened("incident")
    return show("incidents.html", lines=station().floor.incidents.open())


@blueprint.get("/tickets/<visit_id>/incident")
def choose(visit_id: str) -> Response:
    """What happened to this car?"""
    card = station().card(visit_id)
    opened("incident", visit_id)
    return show("incident.html", card=card, kinds=_kinds(card.claim_label))


@blueprint.get("/tickets/<visit_id>/incident/<kind>")
def ask(visit_id: str, kind: str) -> Response:
    """The detail of it, and who it happened to."""
    return _ask(visit_id, kind)


@blueprint.post("/tickets/<visit_id>/incident/<kind>")
def report(visit_id: str, kind: str) -> AnyResponse:
    """Tell of it."""
    details = request.form.getlist("detail")
    is_own = request.form.get("own") == "yes"
    try:
        code = once(
            lambda: station().floor.incidents.report(visit_id, kind, details, is_own=is_own)
        )
    except Refusal as refusal:
        return _ask(visit_id, kind, refusal)
    return go(f"/tickets/{visit_id}/incident/{kind}/next", "done.incident", code=code)


@blueprint.get("/tickets/<visit_id>/incident/<kind>/next")
def what_next(visit_id: str, kind: str) -> Response:
    """What to do now, in words; what was told is safe."""
    card = station().card(visit_id)
    _check(kind)
    opened("incident", visit_id)
    return show("incident_next.html", card=card, kind=kind)


@blueprint.get("/tickets/<visit_id>/incident/<kind>/settle")
def ask_ending(visit_id: str, kind: str) -> Response:
    """How it ended."""
    return _ask_ending(visit_id, kind)


@blueprint.post("/tickets/<visit_id>/incident/<kind>/settle")
def settle(visit_id: str, kind: str) -> AnyResponse:
    """It is over."""
    name = request.form.get("ending", "")
    try:
        if name not in ENDINGS.get(kind, ()):
            raise Refusal("reason_needed")
        # What stays in the journal is read by people: words, in the district's language.
        reason = desk().catalog.text(DEFAULT_LANGUAGE, f"settled.{name}")
        code = once(lambda: station().floor.incidents.settle(visit_id, kind, reason))
    except Refusal as refusal:
        return _ask_ending(visit_id, kind, refusal)
    return go(f"/tickets/{visit_id}", "done.settled", code=code)


def _ask(visit_id: str, kind: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    _check(kind)
    opened("incident", visit_id)
    return show(
        "incident_detail.html", refusal=refusal, card=card, kind=kind, details=DETAILS[kind]
    )


def _ask_ending(visit_id: str, kind: str, refusal: Refusal | None = None) -> Response:
    at = station()
    card = at.card(visit_id)
    _check(kind)
    opened("incident", visit_id)
    lines = [line for line in at.floor.incidents.open(visit_id) if line.kind == kind]
    return show(
        "incident_settle.html",
        refusal=refusal,
        card=card,
        kind=kind,
        line=lines[0] if lines else None,
        endings=ENDINGS[kind],
        may_settle=at.floor.incidents.may_settle(),
    )


def _kinds(claim_label: str | None) -> list[str]:
    return [kind for kind in states.INCIDENTS if kind != states.LOST_CLAIM or claim_label]


def _check(kind: str) -> None:
    if kind not in DETAILS:
        raise Refusal("bad_choice")
