"""All that is known of a driver and one visit, for the driver to take home (Ley 81 of 2019: access
and portability)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import guest_looks, guests
from server.config import Config
from server.driver.custody import badges_of
from server.driver.said import notes_of, said_of
from server.driver.stay import bill_of, last_request
from server.master_key import MasterKey
from server.models import (
    EventRow,
    MessageRow,
    PhotoRow,
    PlaceRow,
    PromiseRow,
    RequestRow,
    VisitRow,
)
from server.payments import payments_of

FORMAT = "valet-driver-data"
VERSION = 1


def takeout(
    session: Session, config: Config, key: MasterKey, visit: VisitRow, now: datetime
) -> dict[str, Any]:
    """One JSON document. Times are UTC, money is in cents."""
    guest = guests.load(session, key, visit.guest_ref)
    request = last_request(session, visit)
    bill = bill_of(session, config, visit, request, now)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": _time(now),
        "you": None if guest is None else {"plate": guest.plate, "phone": guest.phone},
        "visit": {
            "code": visit.code,
            "language": visit.language,
            "received_at": _time(visit.received_at),
            "received_in": visit.booth_id,
            "handed_over_at": _time(visit.handed_over_at),
            "proof": visit.proof,
            "total_cents": None if bill is None else bill.total_cents,
        },
        "places": {place.id: place.name for place in session.scalars(select(PlaceRow))},
        "events": _events(session, visit),
        "requests": [
            {
                "booth": row.booth_id,
                "made_at": _time(row.made_at),
                "wanted_at": _time(row.wanted_at),
                "made_by": row.source,
                "ended_as": row.status,
            }
            for row in _of(session, RequestRow, visit, RequestRow.made_at)
        ],
        "promises": [
            {
                "booth": row.booth_id,
                "made_at": _time(row.made_at),
                "from": _time(row.ready_from),
                "to": _time(row.ready_by),
                "reason": row.reason,
            }
            for row in _of(session, PromiseRow, visit, PromiseRow.made_at)
        ],
        "messages": [
            {
                "about": row.template,
                "language": row.language,
                "status": row.status,
                "sent_at": _time(row.sent_at),
                "settled_at": _time(row.settled_at),
            }
            for row in _of(session, MessageRow, visit, MessageRow.created_at)
        ],
        "photos": [
            {"sha256": row.sha256, "bytes": row.size_bytes, "state": row.state}
            for row in _of(session, PhotoRow, visit, PhotoRow.event_id)
        ],
        "payments": [
            {"at": _time(one.at), "method": one.method, "cents": one.cents, "fiscal": one.fiscal}
            for one in payments_of(session, visit.id)
        ],
        "said": _said(session, key, visit),
        "looks": [
            {"screen": look.screen, "at": _time(look.at)}
            for look in guest_looks.looks_at(session, visit.id)
        ],
    }


def _events(session: Session, visit: VisitRow) -> list[dict[str, Any]]:
    rows = _of(session, EventRow, visit, EventRow.position)
    badges = badges_of(session, {row.actor for row in rows if row.actor is not None})
    return [
        {
            "type": row.type,
            "at": _time(row.at),
            "place": row.place_id,
            "badge": None if row.actor is None else badges.get(row.actor),
        }
        for row in rows
    ]


def _said(session: Session, key: MasterKey, visit: VisitRow) -> list[dict[str, Any]]:
    notes = notes_of(session, key, visit.id)
    return [
        {**one.data, "at": _time(one.at), "words": notes.get(one.event_id)}
        for one in said_of(session, visit.id)
    ]


def _of(session: Session, table: Any, visit: VisitRow, order: Any) -> list[Any]:
    return list(session.scalars(select(table).where(table.visit_id == visit.id).order_by(order)))


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
