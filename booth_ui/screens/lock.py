"""The lock: nobody is signed in, so the screen shows counts and asks for a badge and a PIN."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, show
from booth_ui.screens.settings import is_ours
from booth_ui.watch import path_of
from schemas import states
from schemas.problems import Refusal
from schemas.staff_pin import PIN_LENGTH

blueprint = Blueprint("lock", __name__)

# What works without a badge: the live stream, the looks of the screen, saving what is typed, and
# what opens the lock.
OPEN = frozenset(
    {
        *("static", "watch.watch", "watch.alive", "settings.change", "receive.keep_typing"),
        "board.board",
        *("lock.lock", "lock.choose_person", "lock.ask_pin", "lock.open_with_pin"),
        *("lock.ask_badge_owner", "lock.ask_first", "lock.take_first"),
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


@blueprint.get("/badge")
def ask_badge_owner() -> AnyResponse:
    """The six digits of whoever has just shown a badge."""
    asked = station().pins.asked()
    if asked is None:
        return go("/queue")
    person, shown = asked
    return _ask_pin(person.id, back=desk().last_page.path(*shown) or path_of(*shown))


@blueprint.get("/unlock/<person_id>")
def ask_pin(person_id: str) -> AnyResponse:
    """Their six digits."""
    return _ask_pin(person_id)


@blueprint.post("/unlock/<person_id>")
def open_with_pin(person_id: str) -> AnyResponse:
    """Sign them on, and back to the screen that was locked."""
    try:
        is_on = station().pins.open(person_id, request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_pin(person_id, refusal)
    if not is_on:
        return go(f"/unlock/{person_id}/first?{urlencode({'back': _back()})}")
    return _signed_on()


@blueprint.get("/unlock/<person_id>/first")
def ask_first(person_id: str) -> AnyResponse:
    """Six digits of one's own, instead of those that were given."""
    return _ask_first(person_id)


@blueprint.post("/unlock/<person_id>/first")
def take_first(person_id: str) -> AnyResponse:
    """Keep them, and sign on."""
    chooser = station().pins.chooser()
    if chooser is None or chooser.id != person_id:
        return go("/queue", "problem.not_signed_in")
    try:
        station().pins.choose(request.form.get("pin", ""))
    except Refusal as refusal:
        return _ask_first(person_id, refusal)
    return _signed_on()


def _lock() -> Response:
    count = Counter(card.state for card in station().queue())
    waiting = count[states.REQUESTED] + count[states.TO_BOOTH]
    return show("lock.html", waiting=waiting, ready=count[states.READY])


def _back() -> str:
    back = request.args.get("back", "")
    return back if is_ours(back) else "/queue"


def _signed_on() -> AnyResponse:
    actor = station().actor()
    if actor is None:
        return go("/queue")
    return go(_back(), "tap.signed_on", person=actor.name)


def _ask_pin(
    person_id: str, refusal: Refusal | None = None, back: str | None = None
) -> AnyResponse:
    people = {person.id: person for person in station().pins.people()}
    if person_id not in people:
        return go("/unlock")
    return show(
        "unlock_pin.html",
        refusal=refusal,
        person=people[person_id],
        length=PIN_LENGTH,
        home=back or _back(),
        is_by_badge=back is not None,
    )


def _ask_first(person_id: str, refusal: Refusal | None = None) -> AnyResponse:
    chooser = station().pins.chooser()
    if chooser is None or chooser.id != person_id:
        return go("/queue")
    return show(
        "unlock_first.html", refusal=refusal, person=chooser, length=PIN_LENGTH, home=_back()
    )
