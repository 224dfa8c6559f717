"""What only the driver's own link opens: sharing it, and what is known of the driver."""

from __future__ import annotations

import json

from flask import Response, make_response
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock, guest_looks, guests, links
from server.app import services
from server.driver import said
from server.driver.blueprint import blueprint
from server.driver.custody import badges_of
from server.driver.reader import Reader
from server.driver.said import Teller
from server.driver.stay import district_zone
from server.driver.takeout import takeout
from server.driver.visitor import back_to, field, own_visit, sheet, tell
from server.erasure import erase_guest
from server.models import MessageRow, VisitRow
from server.sms.text import link_to

_PHONE_END = 4


@blueprint.get("/<token>/share")
def share_page(token: str) -> Response:
    """The link for whoever fetches the car, or the form that makes it."""
    return _share_page(token, None)


def _share_page(token: str, refusal: Refusal | None) -> Response:
    found = services()

    def read(session: Session, visit: VisitRow, _reader: Reader) -> dict[str, object]:
        link = links.shared_link(session, visit.id) if visit.is_open else None
        shared = None
        if link is not None and link.share_nonce is not None:
            second = links.shared_token(found.key, visit.id, link.share_nonce)
            shared = link_to(found.config.public_url, second)
        return {"shared": shared, "may_fetch": link is not None and link.may_fetch}

    return sheet(token, "share", read, is_own=True, problem=refusal)


@blueprint.post("/<token>/share")
def share(token: str) -> AnyResponse:
    """Make the second link; `may_fetch` lets it show what releases the car."""
    may_fetch = field("may_fetch", 1) == "1"
    try:
        tell(token, lambda teller: said.share(teller, may_fetch=may_fetch), is_own=True)
    except Refusal as refusal:
        return _share_page(token, refusal)
    return back_to(token, "share_page")


@blueprint.post("/<token>/withdraw")
def withdraw(token: str) -> AnyResponse:
    """End the second link."""
    tell(token, said.withdraw, is_own=True)
    return back_to(token, "share_page")


@blueprint.get("/<token>/withdraw")
def reload_share(token: str) -> AnyResponse:
    """Whoever reloads the answer to the form gets its page."""
    return back_to(token, "share_page")


@blueprint.get("/<token>/data")
def data(token: str) -> Response:
    """What is known of the driver, who saw it, and the way to take it home or erase it."""
    return _data_page(token, None)


def _data_page(token: str, refusal: Refusal | None) -> Response:
    found = services()

    def read(session: Session, visit: VisitRow, reader: Reader) -> dict[str, object]:
        zone = district_zone(session)
        guest = guests.load(session, found.key, visit.guest_ref)
        looks = guest_looks.looks_at(session, visit.id)
        badges = badges_of(session, {visit.received_by, *(look.person_id for look in looks)})
        messages = session.scalars(
            select(MessageRow)
            .where(MessageRow.visit_id == visit.id, MessageRow.sent_at.is_not(None))
            .order_by(MessageRow.sent_at)
        )
        phone = None if guest is None else guest.phone
        return {
            "is_erased": guest is None,
            "plate": None if guest is None else guest.plate,
            "phone_end": None if phone is None else phone[-_PHONE_END:],
            "typed_by": badges.get(visit.received_by),
            "typed_at": reader.time(visit.received_at, zone),
            "messages": [
                (one.template, reader.time(one.sent_at, zone)) for one in messages if one.sent_at
            ],
            "looks": [
                (look.screen, badges.get(look.person_id), reader.time(look.at, zone))
                for look in looks
            ],
        }

    return sheet(token, "data", read, is_own=True, problem=refusal)


@blueprint.get("/<token>/data.json")
def take_home(token: str) -> Response:
    """Everything that is known of the driver and the visit, as a file."""
    found, now = services(), clock.now()

    def read(session: Session) -> tuple[str, str]:
        visit = own_visit(session, token, now)
        made = takeout(session, found.config, found.key, visit, now)
        return visit.code, json.dumps(made, indent=1, ensure_ascii=False)

    code, body = found.database.read(read)
    response = make_response(body)
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{code}-data.json"'
    return response


@blueprint.post("/<token>/erase")
def erase(token: str) -> AnyResponse:
    """Erase the driver's record, once the car is back; `sure` has to be marked."""

    def work(teller: Teller) -> None:
        visit = teller.session.get_one(VisitRow, teller.visit_id)
        if field("sure", 1) != "1":
            raise Refusal("bad_choice")
        if visit.is_open:
            raise Refusal("wrong_state")
        if erase_guest(teller.session, visit):
            said.note_erased(teller)

    try:
        tell(token, work, is_own=True)
    except Refusal as refusal:
        return _data_page(token, refusal)
    return back_to(token, "data")


@blueprint.get("/<token>/erase")
def reload_data(token: str) -> AnyResponse:
    """Whoever reloads the answer to the form gets its page."""
    return back_to(token, "data")
