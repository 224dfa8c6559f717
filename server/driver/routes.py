"""The routes of the driver's page. Whoever opens them changes nothing; only a POST does.

`token` is the link's; `card` in its place stands for the token in the cookie of a tap.
"""

from __future__ import annotations

from flask import Response, make_response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.driver import said, tongue
from server.driver.asking import hours_text
from server.driver.blueprint import CARD, blueprint, nonce
from server.driver.page import make_page
from server.driver.qr import qr_svg
from server.driver.reader import Reader
from server.driver.said import Teller
from server.driver.stay import Stay, district_zone, find_stay
from server.driver.tap import held_token
from server.driver.times import LATER, read_time
from server.driver.visitor import back_to, field, reader_of, tell, visit_behind
from server.local_time import clock_text
from server.requests import cancel_request, request_car


@blueprint.get("/<token>")
def show(token: str) -> Response:
    """The page."""
    return page(token, None)


@blueprint.post("/<token>/request")
def ask(token: str) -> AnyResponse:
    """Ask for the car: `booth_id`, and `when`, which is `now`, `later` or HH:MM in the
    district."""
    found, now = services(), clock.now()
    booth_id, when = field("booth_id"), field("when")

    def work(session: Session) -> None:
        visit_id = visit_behind(session, token, now).id
        if not booth_id:
            raise Refusal("bad_choice")
        if when == LATER:
            cancel_request(session, found.config, found.key, visit_id, now)
            said.plan(Teller(session, found.config, found.key, visit_id, now), booth_id)
            return
        wanted_at = read_time(when, now, district_zone(session))
        request_car(session, found.config, found.key, visit_id, booth_id, wanted_at, now)

    try:
        found.database.write(work, in_turn=True)
    except Refusal as refusal:
        return page(token, refusal, (booth_id, when))
    return back_to(token)


@blueprint.post("/<token>/cancel")
def cancel(token: str) -> AnyResponse:
    """Take the request back, or the plan to ask later."""
    found, now = services(), clock.now()

    def work(session: Session) -> None:
        visit = visit_behind(session, token, now)
        cancel_request(session, found.config, found.key, visit.id, now)

    try:
        found.database.write(work, in_turn=True)
    except Refusal as refusal:
        return page(token, refusal)
    return back_to(token)


@blueprint.post("/<token>/language")
def language(token: str) -> AnyResponse:
    """Read, and be written to, in another language: `lang`."""
    chosen = field("lang", 2)
    try:
        tell(token, lambda teller: said.choose_language(teller, chosen))
    except Refusal as refusal:
        return page(token, refusal)
    answer = back_to(token)
    tongue.keep(answer, chosen)
    return answer


@blueprint.get("/<token>/request")
@blueprint.get("/<token>/cancel")
@blueprint.get("/<token>/language")
@blueprint.get("/<token>/fine")
@blueprint.get("/<token>/rating")
def reload(token: str) -> AnyResponse:
    """Whoever reloads the answer to a form gets the page."""
    return back_to(token)


def page(token: str, refusal: Refusal | None, chosen: tuple[str, str] | None = None) -> Response:
    """The page of the visit, with what was refused in words above it."""
    found, now = services(), clock.now()
    by_tap = token == CARD
    opener = held_token() if by_tap else token
    stay = found.database.read(
        lambda session: find_stay(session, found.config, found.key, opener, now, by_tap=by_tap)
    )
    reader = reader_of(stay.visit, now)
    made = make_page(stay, reader, chosen, found.config.claim_window_s)
    updated = clock_text(found.catalog, reader.language, now, stay.zone)
    body = render_template(
        "driver/page.html",
        page=made,
        say=reader.say,
        qr=None if made.handover_qr is None else qr_svg(made.handover_qr),
        problem=None if refusal is None else _problem(refusal, stay, reader, chosen),
        updated=updated,
        is_own=not by_tap and not stay.is_shared,
        is_over=not stay.visit.is_open,
        origin=(found.config.origin_lat, found.config.origin_lon, found.config.walk_m_per_min),
        help_phone=found.config.help_phone,
        token=token,
        lang=tongue.asked(),
        language=reader.language,
        nonce=nonce(),
    )
    response = make_response(body, 200 if refusal is None else refusal.status)
    # A header is Latin-1 and the page's script sets it as it comes.
    response.headers["Valet-Updated"] = updated.replace("\u00a0", " ")
    if refusal is None:
        response.set_etag(made.tag, weak=True)
        response.make_conditional(request)
    return response


def _problem(refusal: Refusal, stay: Stay, reader: Reader, chosen: tuple[str, str] | None) -> str:
    """What was refused in words; of a booth that is closed also when it is open."""
    words = reader.problem(refusal)
    booth = None if chosen is None else stay.places.get(chosen[0])
    if refusal.code != "booth_closed" or booth is None or not booth.is_open:
        return words
    hours = hours_text(reader, booth, stay.zone)
    return words if hours is None else f"{words} {booth.name}: {hours}."
