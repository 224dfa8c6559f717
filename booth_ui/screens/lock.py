"""The lock: nobody is signed in, so the screen shows counts and asks for a badge, or a PIN."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, show
from booth_ui.screens.settings import is_ours
from reader_agent.pins import PIN_LENGTH
from schemas import states
from schemas.problems import Refusal

blueprint = Blueprint("lock", __name__)

# What works without a badge: the live stream, the looks of the screen, saving what is typed, and
# what opens the lock.
OPEN = frozenset(
    {
        *("static", "watch.watch", "watch.alive", "settings.change", "receive.keep_typing"),
        "board.board",
        *("lock.lock", "lock.choose_person", "lock.ask_pin", "lock.open_with_pin"),
    }
)


@blueprint.before_app_request
def ask_for_badge() -> AnyResponse | None:
    """Show the lock instead of any screen while nobody is signed in.

    The address stays, so that the badge brings back the same screen with the same draft. A
    form that comes too late is sent there as well: nothing is done in nobody's name.
    """
    if request.endpoint is None or request.endpoint in OPEN or station().actor() is not None:
        return None
    practice = desk().practice
    if practice is not None and practice.is_on:
        # Whoever practised has left: the next one is here to work.
        practice.stop()
    if request.method == "POST":
        return go(request.path, "problem.not_signed_in")
    return _lock()


@blueprint.post("/lock")
def lock() -> AnyResponse:
    """Leave the screen; the shift goes on."""
    station().floor.crew.lock()
    return go("/queue")


@blueprint.get("/unlock")
def choose_person() -> Response:
    """Who has a PIN here."""
    return show("unlock.html", people=station().pins.people())


@blueprint.get("/unlock/<person_id>")
def ask_pin(person_id: str) -> AnyResponse:
    """Their six digits."""
    return _ask_pin(person_id)


@blueprint.post("/unlock/<person_id>")
def open_with_pin(person_id: str) -> AnyResponse:
    """Sign them on, and back to the screen that was locked."""
    try:
        person = station().pins.open(person_id, request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_pin(person_id, refusal)
    back = request.args.get("back", "")
    return go(back if is_ours(back) else "/queue", "tap.signed_on", person=person.name)


def _lock() -> Response:
    count = Counter(card.state for card in station().queue())
    waiting = count[states.REQUESTED] + count[states.TO_BOOTH]
    return show("lock.html", waiting=waiting, ready=count[states.READY])


def _ask_pin(person_id: str, refusal: Refusal | None = None) -> AnyResponse:
    people = {person.id: person for person in station().pins.people()}
    if person_id not in people:
        return go("/unlock")
    return show("unlock_pin.html", refusal=refusal, person=people[person_id], length=PIN_LENGTH)
