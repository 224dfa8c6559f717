"""Receive a car: key tag, plate, phone, claim tag, check, save.

Every step keeps what it was given in the station's draft, so that going back, a reload and a
power cut lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, once, opened, show
from reader_agent.draft import Draft
from schemas.phones import PANAMA
from schemas.problems import Refusal

blueprint = Blueprint("receive", __name__, url_prefix="/receive")

STEPS = ("plate", "phone", "claim", "check")


@blueprint.get("")
def start() -> AnyResponse:
    """The step that the draft is at; without a draft, the wait for a key tag."""
    at = station()
    opened("receive")
    draft = at.draft()
    if draft is None:
        return show("receive_key.html")
    return go(f"/receive/{_first_open(draft)}")


@blueprint.post("/discard")
def discard() -> AnyResponse:
    """Give the key tag back unused."""
    station().discard_draft()
    desk().half_typed.drop()
    return go("/queue", "done.discard")


@blueprint.get("/discard")
def ask_discard() -> AnyResponse:
    """Nothing to see under this address; a locked screen comes back to it."""
    return go("/receive")


@blueprint.post("/typing")
def keep_typing() -> tuple[str, int]:
    """Keep half a plate or half a number; sent by the keypad as it is typed."""
    if station().draft() is not None:
        field, text = request.form.get("field", ""), request.form.get("text", "")
        desk().half_typed.put(field, text)
    return "", 204


@blueprint.get("/plate")
def ask_plate() -> AnyResponse:
    """The plate and its keypad."""
    return _step("plate")


@blueprint.post("/plate")
def take_plate() -> AnyResponse:
    """Keep the plate."""
    text = request.form.get("plate", "").strip()
    return _keep("plate", "phone", lambda: station().edit_draft(plate=_needed(text, "bad_plate")))


@blueprint.get("/phone")
def ask_phone() -> AnyResponse:
    """The phone number and its keypad."""
    return _step("phone")


@blueprint.post("/phone")
def take_phone() -> AnyResponse:
    """Keep the number and the language of its messages, or that there is none."""
    if request.form.get("no_phone"):
        return _keep("phone", "claim", lambda: station().edit_draft(phone="", no_phone=True))
    text = request.form.get("phone", "").strip()
    return _keep("phone", "claim", lambda: station().edit_draft(phone=_needed(text, "bad_phone")))


@blueprint.get("/claim")
def ask_claim() -> AnyResponse:
    """The wait for a claim tag, which is tapped or skipped."""
    return _step("claim")


@blueprint.post("/claim")
def drop_claim() -> AnyResponse:
    """Take the claim tag back: another one is given, or none."""
    return _keep("claim", "claim", lambda: station().edit_draft(claim_tag=""))


@blueprint.get("/check")
def check() -> AnyResponse:
    """Everything once more, to be read back to the driver."""
    return _step("check")


@blueprint.post("/check")
def save() -> AnyResponse:
    """Record the reception, or keep the language chosen for the driver."""
    language = request.form.get("driver_language")
    if language:
        return _keep("check", "check", lambda: station().edit_draft(language=language))
    received: list[str] = []

    def receive() -> str:
        card = station().receive()
        return f"{card.visit_id} {card.code}"

    try:
        received = once(receive).split()
    except Refusal as refusal:
        return _step("check", refusal)
    desk().half_typed.drop()
    visit_id, code = received
    return go(f"/tickets/{visit_id}", "done.receive", code=code)


def _needed(text: str, code: str) -> str:
    """The text; an empty one would clear the field instead of being refused."""
    if not text:
        raise Refusal(code)
    return text


def _keep(step: str, following: str, edit: Callable[[], Draft]) -> AnyResponse:
    try:
        edit()
    except Refusal as refusal:
        return _step(step, refusal)
    desk().half_typed.drop(step)
    return go(f"/receive/{following}")


def _step(step: str, refusal: Refusal | None = None) -> AnyResponse:
    at = station()
    draft = at.draft()
    if draft is None:
        return go("/receive")
    opened("receive")
    return show(
        f"receive_{step}.html",
        refusal=refusal,
        draft=draft,
        plate=_typed("plate", draft.plate),
        phone=_typed("phone", (draft.phone or "").removeprefix(PANAMA)),
        phone_tail=(draft.phone or "")[-4:],
        steps=STEPS,
        step=step,
    )


def _typed(field: str, kept: str | None) -> str:
    """What the field shows: the refused form, else what was half typed, else what is kept."""
    sent = request.form.get(field)
    if sent is not None:
        return sent
    half = desk().half_typed.get(field)
    return half if half is not None else kept or ""


def _first_open(draft: Draft) -> str:
    if draft.plate is None:
        return "plate"
    if draft.phone is None and not draft.no_phone:
        return "phone"
    return "claim" if draft.claim_tag is None else "check"
