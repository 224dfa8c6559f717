"""The photos of a car for its driver: those that have come, and those that have not.

One whose bytes are not the ones that its event names is told of, and never shown.
"""

from __future__ import annotations

from flask import Response, make_response, render_template
from sqlalchemy.orm import Session

from server import clock
from server.app import photo_store, services
from server.driver import tongue
from server.driver.blueprint import CARD, blueprint, nonce
from server.driver.page import Reader
from server.driver.stay import district_zone
from server.driver.tap import held_token
from server.links import find_visit
from server.local_time import clock_text
from server.models import VisitRow
from server.photos import content_of, photos_of, stored_photo


@blueprint.get("/<token>/photos")
def photos(token: str) -> Response:
    """The page of all photos of the visit."""
    found, now = services(), clock.now()

    def read(session: Session) -> dict[str, object]:
        visit = _visit(session, token)
        reader = Reader(found.catalog, tongue.pick(visit.language), now, 0)
        zone = district_zone(session)
        return {
            "code": visit.code,
            "photos": photos_of(session, found.config, visit.id, now),
            "language": reader.language,
            "say": reader.say,
            "time": lambda at: clock_text(found.catalog, reader.language, at, zone),
        }

    values = found.database.read(read)
    page = render_template(
        "driver/photos.html", **values, token=token, lang=tongue.asked(), nonce=nonce()
    )
    return make_response(page)


@blueprint.get("/<token>/photos/<sha256>.jpg")
def photo(token: str, sha256: str) -> Response:
    """One photo, as it was taken. `Refusal` `unknown_photo`, `photo_altered`."""
    found = services().database.read(
        lambda session: stored_photo(session, _visit(session, token).id, sha256)
    )
    return Response(content_of(photo_store(), found), content_type="image/jpeg")


def _visit(session: Session, token: str) -> VisitRow:
    """The visit that a link's token opens or, at the card's address, the cookie of a tap."""
    now = clock.now()
    if token == CARD:
        return find_visit(session, held_token(), now, by_tap=True)
    return find_visit(session, token, now)
