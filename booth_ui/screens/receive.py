"""Receive a car: key tag, plate, phone, damage, details, check; the claim tag saves it.

Every step keeps what it was given in the station's draft, so that going back, a reload and a
power cut lose nothing. Damage and details are in `condition`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, once, opened, show
from reader_agent.draft import Draft
from reader_agent.intake import DraftFields
from schemas.phones import PANAMA
from schemas.problems import Refusal
from schemas.reception import CONSENT

blueprint = Blueprint("receive", __name__, url_prefix="/receive")

COUNTRIES = {
    "us": "+1",
    "colombia": "+57",
    "venezuela": "+58",
    "costa_rica": "+506",
    "mexico": "+52",
    "spain": "+34",
}
"""One touch for the codes of those who come most; any other is typed."""
STEPS = ("plate", "phone", "damage", "details", "check")


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
    at, draft = station(), station().draft()
    at.reception.discard()
    desk().half_typed.drop()
    if draft is not None:
        desk().undo.offer(lambda: at.reception.restore(draft), at.now())
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


@blueprint.get("/tariff")
def show_tariff() -> AnyResponse:
    """The tariff as it has to be posted, for the driver to read."""
    return show("receive_tariff.html", posted=_posted())


@blueprint.get("/plate")
def ask_plate() -> AnyResponse:
    """The plate and its keypad."""
    return _plate()


@blueprint.post("/plate")
def take_plate() -> AnyResponse:
    """Keep the plate; what is known of the car comes with it."""
    text = request.form.get("plate", "").strip()
    if not text:
        return _plate(Refusal("bad_plate"))
    return keep(_plate, "phone", plate=text)


@blueprint.get("/phone")
def ask_phone() -> AnyResponse:
    """The phone number and its keypad."""
    return _phone()


@blueprint.post("/phone")
def take_phone() -> AnyResponse:
    """Keep the number and the language of its messages, or that there is none."""
    if request.form.get("no_phone"):
        return keep(_phone, "damage", phone="", no_phone=True)
    if request.form.get("same_phone"):
        return keep(_phone, "damage", same_phone=True)
    text, draft = request.form.get("phone", "").strip(), station().draft()
    if not text and draft is not None and draft.phone_ref is not None:
        return go("/receive/damage")
    # An empty one would clear the field instead of being refused.
    return keep(_phone, "damage", phone=text) if text else _phone(Refusal("bad_phone"))


@blueprint.get("/claim")
def ask_claim() -> AnyResponse:
    """Nothing to see under this address; a locked screen comes back to it."""
    return go("/receive/check")


@blueprint.post("/claim")
def drop_claim() -> AnyResponse:
    """Take the claim tag back: another one is given, or none."""
    return keep(_check, "check", claim_tag="")


@blueprint.get("/check")
def check() -> AnyResponse:
    """Everything once more, to be read back to the driver, and what they agree to."""
    return _check()


@blueprint.post("/check")
def save() -> AnyResponse:
    """Record the reception, or keep the language chosen for the driver."""
    language = request.form.get("driver_language")
    if language:
        return keep(_check, "check", language=language)
    try:
        visit_id, code, proof = once(_receive).split()
    except Refusal as refusal:
        return _check(refusal)
    desk().half_typed.drop()
    if proof == "none":
        # Who has neither a phone nor a tag gets the number and a picture of the link.
        return go(f"/tickets/{visit_id}/number")
    return go(f"/tickets/{visit_id}", "done.receive", code=code)


def step(name: str, refusal: Refusal | None = None, **values: object) -> AnyResponse:
    """A step of the reception that is open; without one, the wait for a key tag."""
    draft = station().draft()
    if draft is None:
        return go("/receive")
    is_last = name == "check" and draft.is_whole and draft.claim_tag is None
    opened("receive_check" if is_last else "receive")
    return show(
        f"receive_{name}.html", refusal=refusal, draft=draft, steps=STEPS, step=name, **values
    )


def keep(
    form: Callable[[Refusal], AnyResponse], following: str, **fields: Unpack[DraftFields]
) -> AnyResponse:
    """Keep fields and go on to the `following` step; `form` shows why they were refused."""
    try:
        station().edit_draft(**fields)
    except Refusal as refusal:
        return form(refusal) if refusal.code != "no_draft" else go("/receive")
    for name in fields:
        desk().half_typed.drop(name)
    return go(f"/receive/{following}")


def _receive() -> str:
    draft = station().draft()
    if draft is not None and draft.damage is None:
        raise Refusal("damage_needed")
    has_proof = draft is not None and (draft.claim_tag is not None or not draft.no_phone)
    card = station().receive(CONSENT)
    return f"{card.visit_id} {card.code} {'proof' if has_proof else 'none'}"


def _plate(refusal: Refusal | None = None) -> AnyResponse:
    draft = station().draft()
    return step("plate", refusal, plate=_typed("plate", draft.plate if draft else None))


def _phone(refusal: Refusal | None = None) -> AnyResponse:
    draft = station().draft()
    phone = ((draft.phone if draft else None) or "").removeprefix(PANAMA)
    inside = _inside(draft.plate) if draft else None
    typed = _typed("phone", phone)
    return step("phone", refusal, phone=typed, inside=inside, countries=COUNTRIES)


def _check(refusal: Refusal | None = None) -> AnyResponse:
    draft = station().draft()
    tail = draft.phone_tail if draft else ""
    tariff_cents = station().reception.tariff_cents_per_min
    return step(
        "check", refusal, phone_tail=tail, tariff_cents=tariff_cents, is_posted=bool(_posted())
    )


def _posted() -> str:
    """The wording of the tariff, in the language of the driver at hand."""
    draft = station().draft()
    return station().reception.posted_tariff(draft.language if draft else "es")


def _inside(plate: str | None) -> str | None:
    """The ticket of a car with this plate that has not been handed over."""
    cards = station().search(plate) if plate else []
    return next((card.code for card in cards if card.plate == plate), None)


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
    if not draft.has_phone_word:
        return "phone"
    return "damage" if draft.damage is None else "check"
