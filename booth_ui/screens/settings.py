"""The looks of this screen, kept in cookies; everybody's own PIN, and those that are given."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station, viewer
from booth_ui.page import go, opened, show
from booth_ui.viewer import CHOICES, keep_choice
from reader_agent.shift import may_supervise
from schemas.problems import Refusal
from schemas.staff_pin import PIN_LENGTH, REASONS

blueprint = Blueprint("settings", __name__)


@blueprint.get("/settings")
def settings() -> Response:
    """Everything that can be chosen."""
    opened("status")
    seen = viewer()
    looks = {"language": seen.language, "theme": seen.light, "hand": seen.hand}
    return show(
        "settings.html",
        choices=CHOICES,
        chosen={**looks, "volume": seen.volume},
        may_give=may_supervise(station().actor()),
    )


@blueprint.post("/settings")
def change() -> AnyResponse:
    """Keep a choice and go back to where it was made."""
    back = request.form.get("back", "")
    response = go(back if is_ours(back) else "/queue")
    for name in CHOICES:
        keep_choice(response, name, request.form.get(name))
    return response


@blueprint.get("/settings/pin")
def ask_pin() -> Response:
    """Six digits of one's own; first the present ones, where there are any."""
    return _ask_pin()


@blueprint.post("/settings/pin/old")
def show_old_pin() -> AnyResponse:
    """The present ones."""
    try:
        station().pins.prove(request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_pin(refusal)
    return go("/settings/pin")


@blueprint.post("/settings/pin")
def take_pin() -> AnyResponse:
    """Keep them for whoever is signed in."""
    try:
        station().pins.choose(request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_pin(refusal)
    return go("/settings", "done.pin")


@blueprint.get("/settings/pins")
def choose_person() -> Response:
    """To whom a supervisor gives a PIN to begin with."""
    opened("status")
    people = [person for person, _ in station().tags.people()]
    return show("settings_pins.html", people=people)


@blueprint.get("/settings/pins/<person_id>")
def ask_reason(person_id: str) -> Response:
    """Why."""
    return _ask_reason(person_id)


@blueprint.post("/settings/pins/<person_id>")
def give_pin(person_id: str) -> Response:
    """Make it and show it, this once."""
    try:
        pin = station().pins.give(person_id, request.form.get("reason", ""))
    except Refusal as refusal:
        return _ask_reason(person_id, refusal)
    return _ask_reason(person_id, pin=pin)


def is_ours(path: str) -> bool:
    """Whether the path stays on this station: `//host` and `/\\host` would leave it."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def _ask_pin(refusal: Refusal | None = None) -> Response:
    opened("status")
    pins, actor = station().pins, station().actor()
    is_new = actor is not None and pins.chooser() == actor
    template = "settings_pin.html" if is_new else "settings_pin_old.html"
    return show(template, refusal=refusal, length=PIN_LENGTH)


def _ask_reason(person_id: str, refusal: Refusal | None = None, pin: str | None = None) -> Response:
    opened("status")
    name = station().roster.person_name(person_id)
    return show(
        "settings_pin_give.html",
        refusal=refusal,
        person_id=person_id,
        name=name,
        reasons=REASONS,
        pin=pin,
    )
