"""The keys: on which hook, in whose hands, where one is, and whether all of them are there."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station
from booth_ui.page import go, once, opened, show, show_found
from booth_ui.paging import page_of
from reader_agent.key_check import SCREEN as CHECK
from schemas.problems import Refusal

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

QUERY_MAX = 12
STALLS_SHOWN = 9
"""Free stalls to choose from for a key whose car is not known."""


@blueprint.get("")
@blueprint.get("/<int:number>")
def keys(number: int = 1) -> Response:
    """Who carries a key, the one that is out for too long first; then the hooks, by number."""
    at = station()
    opened("keys")
    board = at.floor.keys
    hanging = board.on_hooks()
    place = at.place()
    return show(
        "keys.html",
        carried=board.in_hands(),
        page=page_of(hanging, number, at.floor.limits.page_rows),
        hooks=place.hooks if place else 0,
        last=at.floor.key_check.last(),
        is_checking=at.floor.key_check.state() is not None,
        unknown=at.floor.unknown_keys.rows(),
    )


@blueprint.get("/unknown/<tag>")
def unknown(tag: str) -> AnyResponse:
    """A key of a car that nobody here has heard of: in which stall the car stands."""
    return _unknown(tag)


@blueprint.post("/unknown/<tag>")
def correct(tag: str) -> AnyResponse:
    """It stands in another stall; or there is no such key."""
    desk, stall = station().floor.unknown_keys, request.form.get("pick", "")
    label = station().roster.label(tag)

    def do() -> str:
        if request.form.get("do") == "forget":
            desk.forget(tag)
            return "forgotten"
        if not stall:
            raise Refusal("bad_choice")
        desk.put(tag, stall)
        return "noted"

    try:
        done = once(do)
    except Refusal as refusal:
        return _unknown(tag, refusal)
    if done == "forgotten":
        return go("/keys", "done.key_forgotten", label=label)
    return go("/keys", "tap.key_seen", label=label, stall=stall)


def _unknown(tag: str, refusal: Refusal | None = None) -> AnyResponse:
    at = station()
    opened("keys")
    row = next((row for row in at.floor.unknown_keys.rows() if row.tag == tag), None)
    if row is None:
        # Its car is known by now.
        return go("/keys")
    return show("key_unknown.html", refusal=refusal, row=row, stalls=at.room.stalls(STALLS_SHOWN))


@blueprint.get("/find")
def ask() -> Response:
    """An empty field and the keypad."""
    opened("keys")
    return show("keys_find.html", rows=None)


@blueprint.post("/find")
def find() -> Response:
    """Where the key is and who had it. A POST, because a plate must not stand in an address."""
    query = request.form.get("query", "").strip()[:QUERY_MAX]
    if not query:
        return ask()
    at = station()
    rows = at.floor.keys.find(query)
    return show_found("keys_find.html", rows, at.floor.limits.search_results, query)


@blueprint.get("/check")
def check() -> Response:
    """The check that is under way, or what came of the last one."""
    return _check()


@blueprint.post("/check")
def act() -> AnyResponse:
    """Begin, finish, or forget it."""
    desk, name = station().floor.key_check, request.form.get("do", "")

    def do() -> str:
        if name == "begin":
            desk.begin()
        elif name == "finish":
            desk.finish()
        elif name == "drop":
            desk.drop()
        else:
            raise Refusal("bad_choice")
        return name

    try:
        once(do)
    except Refusal as refusal:
        return _check(refusal)
    is_closing = station().floor.closing.state() is not None
    return go("/shift/close" if name == "finish" and is_closing else "/keys/check")


def _check(refusal: Refusal | None = None) -> Response:
    desk = station().floor.key_check
    state = desk.state()
    opened(CHECK if state is not None else "keys")
    return show("keys_check.html", refusal=refusal, state=state, last=desk.last())
