"""The photos of a car for its driver: those that have come, and those that have not.

One whose bytes are not the ones that its event names is told of, and never shown.
"""

from __future__ import annotations

import json

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events
from schemas.reception import DAMAGES, ZONES
from server import clock
from server.app import photo_store, services
from server.driver.blueprint import blueprint
from server.driver.reader import Reader
from server.driver.stay import district_zone
from server.driver.visitor import sheet, visit_behind
from server.models import EventRow, VisitRow
from server.photos import content_of, photos_of, stored_photo


@blueprint.get("/<token>/photos")
def photos(token: str) -> Response:
    """The page of all photos of the visit."""
    found, now = services(), clock.now()

    def read(session: Session, visit: VisitRow, reader: Reader) -> dict[str, object]:
        zone = district_zone(session)
        return {
            "marks": _marks(session, visit),
            "photos": photos_of(session, found.config, visit.id, now),
            "time": lambda at: reader.time(at, zone),
        }

    return sheet(token, "photos", read)


@blueprint.get("/<token>/photos/<sha256>.jpg")
def photo(token: str, sha256: str) -> Response:
    """One photo, as it was taken. `Refusal` `unknown_photo`, `photo_altered`."""
    now = clock.now()
    found = services().database.read(
        lambda session: stored_photo(session, visit_behind(session, token, now).id, sha256)
    )
    return Response(content_of(photo_store(), found), content_type="image/jpeg")


def _marks(session: Session, visit: VisitRow) -> list[tuple[str, str]] | None:
    """The marks that were noted when the car was taken in, of those that there are words for;
    None where nobody said."""
    line = session.scalar(
        select(EventRow.line).where(
            EventRow.visit_id == visit.id, EventRow.type == events.VISIT_RECEIVED
        )
    )
    noted = None if line is None else json.loads(line)["data"].get("damage")
    if noted is None:
        return None
    marks = [(mark["zone"], mark["kind"]) for mark in noted]
    return [(zone, kind) for zone, kind in marks if zone in ZONES and kind in DAMAGES]
