"""What a phone opens when the claim card is tapped on it.

The card writes a new link at every reading. Opening it changes nothing, because phones and
messengers look at links before anybody asks them to: the page sends the link back in a form, by
itself or by its button, and only that counts.
"""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from schemas.sun import LONGEST_URL
from server import clock, taps
from server.app import services
from server.driver import tongue
from server.driver.blueprint import CARD, TAP_COOKIE, blueprint, nonce, tap_again
from server.driver.reader import Reader
from server.guarding import cookies
from server.guarding.origin import from_an_unnamed_page
from server.taps import Tap


def held_token() -> str:
    """The token that a tap has put into this browser's cookie; empty without one."""
    return cookies.read(request, TAP_COOKIE)


@blueprint.get("")
def tapped() -> AnyResponse:
    """The page that sends back what the card said. Verifies nothing."""
    parts = request.query_string.decode("latin-1").split("&")
    said = "&".join(part for part in parts if not part.startswith("lang="))
    if not said:
        return redirect(url_for("driver.show", token=CARD, lang=tongue.asked()), 303)
    if len(said) > LONGEST_URL:
        return tap_again()
    found = services()
    language = tongue.pick(None)
    reader = Reader(found.catalog, language, clock.now(), 0)
    body = render_template(
        "driver/tap.html", said=said, say=reader.say, language=language, nonce=nonce()
    )
    return Response(body)


@blueprint.post("/tap")
@from_an_unnamed_page
def tap() -> AnyResponse:
    """Take the card's word: open the page of its visit for a while, in this browser."""
    found = services()
    said = Tap(request.form.get("said", ""), request.remote_addr, held_token())
    token = taps.take(found.database, found.config, found.key, said, clock.now())
    if token is None:
        return tap_again()
    answer = redirect(url_for("driver.show", token=CARD, lang=tongue.asked()), 303)
    cookies.give(request, answer, TAP_COOKIE, token, found.config.tap_session_s)
    return answer


@blueprint.get("/tap")
def tap_over() -> Response:
    """Whoever reloads the answer to a tap has to tap again."""
    return tap_again()
