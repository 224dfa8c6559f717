"""The routes of the driver's page. Whoever opens them changes nothing; only a POST does.

`token` is the link's; `card` in its place stands for the token in the cookie of a tap.
"""

from __future__ import annotations

from datetime import datetime

from flask import Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock
from server.app import refuse_foreign_origin, services
from server.driver import tongue
from server.driver.blueprint import CARD, blueprint, nonce
from server.driver.page import Reader, make_page
from server.driver.qr import qr_svg
from server.driver.stay import district_zone, find_stay
from server.driver.tap import held_token
from server.driver.times import read_time
from server.links import find_visit
from server.local_time import clock_text
from server.requests import cancel_request, request_car

# Refusals that the page has words for; any other is told as `problem.other`.
_TOLD = (
    "already_on_its_way",
    "booth_closed",
    "unknown_place",
    "bad_choice",
    "bad_time",
    "wrong_state",
)


@blueprint.get("/<token>")
def show(token: str) -> Response:
    """The page."""
    return _page(token, None)


@blueprint.post("/<token>/request")
def ask(token: str) -> AnyResponse:
    """Ask for the car: `booth_id`, and `when`, which is `now` or HH:MM in the district."""
    refuse_foreign_origin()
    found, now = services(), clock.now()
    visit_id = found.database.read(lambda session: _visit_id(session, token, now))
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
    visit_id = found.database.read(lambda session: _visit_id(session, token, now))
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
    """The page of the visit, with what was refused in words above it."""
    found, now = services(), clock.now()
    by_tap = token == CARD
    opener = held_token() if by_tap else token
    stay = found.database.read(
        lambda session: find_stay(session, found.key, opener, now, by_tap=by_tap)
    )
    reader = Reader(
        found.catalog, tongue.pick(stay.visit.language), now, found.config.request_lead_s_max
    )
    page = make_page(stay, reader, chosen)
    updated = clock_text(found.catalog, reader.language, now, stay.zone)
    body = render_template(
        "driver/page.html",
        page=page,
        say=reader.say,
        qr=None if page.handover_qr is None else qr_svg(page.handover_qr),
        problem=None if refusal is None else _problem(reader, refusal),
        updated=updated,
        has_record=not stay.visit.is_open and not stay.by_tap,
        token=token,
        lang=tongue.asked(),
        language=reader.language,
        nonce=nonce(),
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


def _visit_id(session: Session, token: str, now: datetime) -> str:
    """The visit that a link's token opens or, at the card's address, the cookie of a tap."""
    if token == CARD:
        return find_visit(session, held_token(), now, by_tap=True).id
    return find_visit(session, token, now).id
