"""The blueprint of the driver's pages, what every answer of theirs has, and those without a
ticket."""

from __future__ import annotations

import gzip
import secrets

from flask import Blueprint, Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from schemas.photo import JPEG
from schemas.problems import Refusal
from server import clock
from server.app import services
from server.district import open_booths
from server.driver import tongue, tries
from server.driver.reader import Reader
from server.guarding import cookies

blueprint = Blueprint("driver", __name__, url_prefix="/t")

# Stands in the address where a link has its token: the token is in the cookie of a tap.
CARD = "card"
# Why there is no ticket here: the card has to be tapped once more.
TAP_AGAIN = "tap"

_GZIP_LEVEL = 6
# Refusals that have a page of their own words; any other is told as `gone.other`.
_GONE = ("unknown_link", "expired_link", "foreign_origin", "too_many_tries")
_NO_LINK = ("unknown_link", "expired_link")
# The cookie of whoever has tapped a claim card.
TAP_COOKIE = "valet_tap"
# Their addresses hold what a card said: nobody is told where the driver comes from.
_SECRET = ("driver.tapped", "driver.tap", "driver.tap_over")


@blueprint.before_request
def _limit_form() -> None:
    # The application's limit for forms does not hold for urlencoded ones.
    request.max_content_length = services().config.form_bytes_max


@blueprint.before_request
def _limit_posts() -> None:
    """Not too many forms. A tap has limits of its own (`server.taps`)."""
    token = (request.view_args or {}).get("token")
    if request.method != "POST" or token is None:
        return
    found, now = services(), clock.now()
    opener = cookies.read(request, TAP_COOKIE) if token == CARD else token
    is_few = found.database.note(
        lambda session: tries.count(
            session, found.config, found.key, opener, request.remote_addr, now
        )
    )
    # After the commit: a form too many counts as well.
    tries.check(is_few)


@blueprint.errorhandler(Refusal)
def _on_refusal(refusal: Refusal) -> Response:
    if refusal.code in _NO_LINK and (request.view_args or {}).get("token") == CARD:
        return tap_again()
    return _gone(refusal.code if refusal.code in _GONE else "other", refusal.status)


@blueprint.errorhandler(HTTPException)
def _on_http_error(error: HTTPException) -> Response:
    return _gone("away" if error.code == 503 else "other", error.code or 500)


def tap_again() -> Response:
    """The one answer to every tap that opens nothing, whatever the reason."""
    return _gone(TAP_AGAIN, 410)


def _gone(key: str, status: int) -> Response:
    """A page that says why there is no ticket here, and where help is."""
    found = services()
    names: list[str] = []
    now = clock.now()
    if status < 500:
        rows = found.database.read(lambda session: open_booths(session, now))
        names = [booth.name for booth in rows]
    language = tongue.pick(None)
    reader = Reader(found.catalog, language, now, 0)
    body = render_template(
        "driver/gone.html",
        key=key,
        say=reader.say,
        booths=names,
        language=language,
        help_phone=found.config.help_phone,
        nonce=nonce(),
    )
    return make_response(body, status)


def nonce() -> str:
    """One secret word for all inline style and script of an answer."""
    if "driver_nonce" not in g:
        g.driver_nonce = secrets.token_urlsafe(16)
    word: str = g.driver_nonce
    return word


@blueprint.after_request
def _finish(response: Response) -> Response:
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    headers["X-Robots-Tag"] = "noindex, nofollow"
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; object-src 'none'; style-src 'nonce-{nonce()}'; "
        f"script-src 'nonce-{nonce()}'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    if request.endpoint in _SECRET:
        headers["Referrer-Policy"] = "no-referrer"
    tongue.remember(response)
    _compress(response)
    return response


def _compress(response: Response) -> None:
    """Gzip a body for whoever takes it. No answer repeats what a stranger's page could send
    in, so its length tells nothing of the secrets beside it."""
    if response.mimetype == JPEG:
        # Packed already.
        return
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or response.status_code in (303, 304):
        return
    response.set_data(gzip.compress(response.get_data(), _GZIP_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
