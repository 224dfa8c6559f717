"""The routes of the driver's page. Whoever opens them changes nothing; only a POST does."""

from __future__ import annotations

import gzip
import secrets

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock
from server.app import refuse_foreign_origin, services
from server.district import booths
from server.driver import tongue
from server.driver.page import Reader, make_page
from server.driver.stay import district_zone, find_stay
from server.driver.times import read_time
from server.links import find_visit
from server.local_time import clock_text
from server.requests import cancel_request, request_car

blueprint = Blueprint("driver", __name__, url_prefix="/t")

_GZIP_LEVEL = 6
# Refusals that have a page of their own words; any other is told as `problem.other`.
_GONE = ("unknown_link", "expired_link", "foreign_origin")
_TOLD = (
    "already_on_its_way",
    "booth_closed",
    "unknown_place",
    "bad_choice",
    "bad_time",
    "wrong_state",
)


@blueprint.before_request
def _limit_form() -> None:
    # The application's limit for forms does not hold for urlencoded ones.
    request.max_content_length = services().config.form_bytes_max


@blueprint.get("/<token>")
def show(token: str) -> Response:
    """The page."""
    return _page(token, None)


@blueprint.post("/<token>/request")
def ask(token: str) -> AnyResponse:
    """Ask for the car: `booth_id`, and `when`, which is `now` or HH:MM in the district."""
    refuse_foreign_origin()
    found, now = services(), clock.now()
    visit_id = found.database.read(lambda session: find_visit(session, token, now).id)
    booth_id, when = request.form.get("booth_id", ""), request.form.get("when", "")
    try:
        if not booth_id:
            raise Refusal("bad_choice")
        wanted_at = read_time(when, now, found.database.read(district_zone))
        found.database.write(
            lambda session: request_car(
                session, found.config, found.key, visit_id, booth_id, wanted_at, now
            )
        )
    except Refusal as refusal:
        return _page(token, refusal, (booth_id, when))
    return _back_to(token)


@blueprint.post("/<token>/cancel")
def cancel(token: str) -> AnyResponse:
    """Take the request back."""
    refuse_foreign_origin()
    found, now = services(), clock.now()
    visit_id = found.database.read(lambda session: find_visit(session, token, now).id)
    try:
        found.database.write(
            lambda session: cancel_request(session, found.config, found.key, visit_id, now)
        )
    except Refusal as refusal:
        return _page(token, refusal)
    return _back_to(token)


@blueprint.get("/<token>/request")
@blueprint.get("/<token>/cancel")
def reload(token: str) -> AnyResponse:
    """Whoever reloads the answer to a form gets the page."""
    return _back_to(token)


def _page(token: str, refusal: Refusal | None, chosen: tuple[str, str] | None = None) -> Response:
    """The page of the link's visit, with what was refused in words above it."""
    found, now = services(), clock.now()
    stay = found.database.read(lambda session: find_stay(session, found.key, token, now))
    reader = Reader(
        found.catalog, tongue.pick(stay.visit.language), now, found.config.request_lead_s_max
    )
    page = make_page(stay, reader, chosen)
    updated = clock_text(found.catalog, reader.language, now, stay.zone)
    body = render_template(
        "driver/page.html",
        page=page,
        say=reader.say,
        problem=None if refusal is None else _problem(reader, refusal),
        updated=updated,
        token=token,
        lang=tongue.asked(),
        language=reader.language,
        nonce=_nonce(),
    )
    response = make_response(body, 200 if refusal is None else refusal.status)
    # A header is Latin-1 and the page's script sets it as it comes.
    response.headers["Valet-Updated"] = updated.replace("\u00a0", " ")
    if refusal is None:
        response.set_etag(page.tag, weak=True)
        response.make_conditional(request)
    return response


def _problem(reader: Reader, refusal: Refusal) -> str:
    key = refusal.code if refusal.code in _TOLD else "other"
    return reader.say(f"problem.{key}", **refusal.context)


def _back_to(token: str) -> AnyResponse:
    return redirect(url_for("driver.show", token=token, lang=tongue.asked()), 303)


@blueprint.errorhandler(Refusal)
def _on_refusal(refusal: Refusal) -> Response:
    return _gone(refusal.code if refusal.code in _GONE else "other", refusal.status)


@blueprint.errorhandler(HTTPException)
def _on_http_error(error: HTTPException) -> Response:
    return _gone("other", error.code or 500)


def _gone(key: str, status: int) -> Response:
    """A page that says why there is no ticket here, and where help is."""
    found = services()
    open_booths: list[str] = []
    if status < 500:
        rows = found.database.read(booths)
        open_booths = [booth.name for booth in rows if booth.is_open]
    language = tongue.pick(None)
    reader = Reader(found.catalog, language, clock.now(), 0)
    body = render_template(
        "driver/gone.html",
        key=key,
        say=reader.say,
        booths=open_booths,
        language=language,
        nonce=_nonce(),
    )
    return make_response(body, status)


def _nonce() -> str:
    """One secret word for all inline style and script of an answer."""
    if "driver_nonce" not in g:
        g.driver_nonce = secrets.token_urlsafe(16)
    nonce: str = g.driver_nonce
    return nonce


@blueprint.after_request
def _finish(response: Response) -> Response:
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    headers["X-Robots-Tag"] = "noindex, nofollow"
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{_nonce()}'; script-src 'nonce-{_nonce()}'; "
        "img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    tongue.remember(response)
    _compress(response)
    return response


def _compress(response: Response) -> None:
    """Gzip a body for whoever takes it. No answer repeats what a stranger's page could send
    in, so its length tells nothing of the secrets beside it."""
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or response.status_code in (303, 304):
        return
    response.set_data(gzip.compress(response.get_data(), _GZIP_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
