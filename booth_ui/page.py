"""One screen as a page: the frame around it, its words, and what it answers to a refused form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.badge import badges_of
from booth_ui.desk import desk, station, viewer
from booth_ui.watch import focus_of, pulse_of
from schemas.problems import Refusal

REDRAW_HEADER = "Booth-Redraw"
REDRAW_ARGUMENT = "redraw"
TABS = ("queue", "search", "keys", "shift")
SHOWING_REQUESTS = ("queue", "jobs", "ticket")
"""The screens on which somebody sees what is asked for."""
SAID_COOKIE = "said"
"""What the screen that we are sent to has to say, once: a catalog key and its values."""


_COUNTED = {"bad_code": "problem.bad_code_left", "wrong_pin": "problem.wrong_pin_left"}
"""Refusals that say how many tries are left."""


def install(app: Flask) -> None:
    """Give every template the frame's values."""
    app.context_processor(_frame)


def show(template: str, /, *, refusal: Refusal | None = None, **values: object) -> Response:
    """A rendered screen; with a refusal, the same form again and what to do about it."""
    response = make_response(render_template(template, refusal=refusal, **values))
    if refusal is not None:
        response.status_code = refusal.status
        # The form is shown again under its own address: nothing to push.
        response.headers["HX-Push-Url"] = "false"
    if SAID_COOKIE in request.cookies:
        response.delete_cookie(SAID_COOKIE, httponly=True, samesite="Strict")
    return response


def show_found(template: str, rows: Sequence[object], most: int, query: str) -> Response:
    """What was found for `query`, `most` of it. The address stays that of the empty search: what
    was typed may be a plate, and there is nothing in it to come back to."""
    left_out = len(rows) - most
    response = show(template, query=query, rows=rows[:most], left_out=left_out)
    response.headers["HX-Push-Url"] = "false"
    return response


def opened(screen: str, visit_id: str | None = None) -> None:
    """Tell the station what is on the screen, because a tap may mean something to it.

    Not when the page only draws itself anew: that is no sign of a person, and nobody would
    ever be signed off.
    """
    if REDRAW_HEADER not in request.headers and REDRAW_ARGUMENT not in request.args:
        station().focus(screen, visit_id)
        if request.method == "GET":
            desk().last_page.put(screen, visit_id, request.path)
        if screen in SHOWING_REQUESTS:
            station().floor.requests.look()


def go(url: str, said: str | None = None, **values: str | int) -> AnyResponse:
    """On to another screen, which first says `said`."""
    response = redirect(url, 303)
    if said is not None:
        note = quote(json.dumps([said, values]))
        response.set_cookie(SAID_COOKIE, note, max_age=60, httponly=True, samesite="Strict")
    return response


def once(act: Callable[[], str]) -> str:
    """Do `act` once for the token of the posted form; see `OnceTokens.run`."""
    return desk().once.run(request.form.get("token", ""), act)


def problem_words(refusal: Refusal) -> str:
    """What happened and what to do, without the code."""
    if refusal.code == "tag_in_use" and (ticket := refusal.context.get("ticket")):
        return viewer().t("problem.tag_in_use_by", code=ticket)
    seconds = refusal.context.get("seconds")
    if refusal.code == "pin_locked" and isinstance(seconds, int) and seconds > 60:
        return viewer().t("problem.pin_locked_min", minutes=-(-seconds // 60))
    left = refusal.context.get("left")
    if refusal.code in _COUNTED and left is not None:
        return viewer().t(_COUNTED[refusal.code], left=left)
    return viewer().t(f"problem.{refusal.code}")


def _frame() -> dict[str, object]:
    # How the real station is, also while somebody practises on another one.
    status = desk().station.status()
    practice = desk().practice
    reader, said = viewer(), _said()
    place = station().place()
    return {
        "t": reader.t,
        "time": reader.time,
        "age": reader.age,
        "language": reader.language,
        "theme": reader.theme,
        "hand": reader.hand,
        "volume": reader.volume,
        "is_practice": practice is not None and practice.is_on,
        "may_practise": practice is not None,
        "actor": station().actor(),
        "place_name": place.name if place else station().place_id,
        "is_lot": station().role == "lot",
        "here": station().place_id,
        "now": station().now(),
        "pulse": pulse_of(station(), desk().station),
        "focus": focus_of(station()),
        "badges": badges_of(status),
        "tabs": TABS,
        "bundle": desk().bundle,
        "once_token": desk().once.new,
        "problem_words": problem_words,
        "said": said,
        "undo": desk().undo.token(station().now()) if said else None,
    }


def _said() -> str | None:
    """The note that the last screen left, in words; a damaged one is not worth a fault."""
    try:
        key, values = json.loads(unquote(request.cookies.get(SAID_COOKIE, "")))
        return viewer().t(str(key), **values)
    except (ValueError, TypeError, KeyError, IndexError):
        return None
