"""The pages behind the ticket that anybody with the link or the card may read: who had the car,
and the receipt."""

from __future__ import annotations

from datetime import timedelta

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.driver.blueprint import CARD, blueprint
from server.driver.custody import custody_of
from server.driver.pauses import paused
from server.driver.reader import Reader
from server.driver.stay import bill_of, district_zone, last_request
from server.driver.visitor import sheet
from server.models import PlaceRow, VisitRow
from server.payments import paid_cents, payments_of
from server.tariff import money


@blueprint.get("/<token>/custody")
def custody(token: str) -> Response:
    """The chain of custody: what happened to the car, when, where, by whose badge."""

    def read(session: Session, visit: VisitRow, reader: Reader) -> dict[str, object]:
        zone = district_zone(session)
        return {
            "custody": custody_of(session, visit),
            "names": _names(session),
            "time": lambda at: reader.time(at, zone),
            "has_record": not visit.is_open and token != CARD,
        }

    return sheet(token, "custody", read)


@blueprint.get("/<token>/receipt")
def receipt(token: str) -> Response:
    """What it cost with its arithmetic, and what was paid; `Refusal("wrong_state")` before the
    hand-over."""
    found, now = services(), clock.now()

    def read(session: Session, visit: VisitRow, reader: Reader) -> dict[str, object]:
        if visit.handed_over_at is None or visit.is_open:
            raise Refusal("wrong_state")
        zone, request = district_zone(session), last_request(session, visit)
        names, bill = _names(session), bill_of(session, found.config, visit, request, now)
        payments = payments_of(session, visit.id)
        return {
            "visit": visit,
            "asked_at": None if request is None else request.wanted_at or request.made_at,
            "received_in": names.get(visit.booth_id, visit.booth_id),
            "returned_in": names.get(visit.place_id, visit.place_id),
            "bill": bill,
            "paused_min": paused(session, visit) // timedelta(minutes=1),
            "payments": payments,
            "due_cents": (0 if bill is None else bill.total_cents) - paid_cents(payments),
            "fiscal": [payment.fiscal for payment in payments if payment.fiscal],
            "money": money,
            "day": lambda at: reader.day(at, zone),
            "time": lambda at: reader.time(at, zone),
        }

    return sheet(token, "receipt", read)


def _names(session: Session) -> dict[str, str]:
    return {place.id: place.name for place in session.scalars(select(PlaceRow))}
