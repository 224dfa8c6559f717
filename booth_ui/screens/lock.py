"""The lock: nobody is signed in, so the screen shows counts and asks for a badge."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station
from booth_ui.page import go, show
from schemas import states

blueprint = Blueprint("lock", __name__)

# What works without a badge: the live stream, the looks of the screen, and saving what is typed.
OPEN = frozenset(
    {"static", "watch.watch", "watch.alive", "settings.change", "receive.keep_typing", "lock.lock"}
)


@blueprint.before_app_request
def ask_for_badge() -> AnyResponse | None:
    """Show the lock instead of any screen while nobody is signed in.

    The address stays, so that the badge brings back the same screen with the same draft. A
    form that comes too late is sent there as well: nothing is done in nobody's name.
    """
    if request.endpoint is None or request.endpoint in OPEN or station().actor() is not None:
        return None
    if request.method == "POST":
        return go(request.path, "problem.not_signed_in")
    return _lock()


@blueprint.post("/lock")
def lock() -> AnyResponse:
    """Sign off."""
    station().sign_off()
    return go("/queue")


def _lock() -> Response:
    count = Counter(card.state for card in station().queue())
    waiting = count[states.REQUESTED] + count[states.TO_BOOTH]
    return show("lock.html", waiting=waiting, ready=count[states.READY])
