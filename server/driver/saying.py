"""The forms for what a driver says once the car is back, and the page on which a problem is told.

Photos of a problem come with its form, without script too. With it the phone makes them smaller
first, and JPEGs of what this server does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from schemas.driver_words import PHOTOS_MAX, PROBLEM
from schemas.problems import Refusal
from server import clock
from server.app import photo_store, services
from server.driver import said
from server.driver.blueprint import blueprint
from server.driver.form_photos import PHOTO_TOO_LARGE, Taken, read_photos
from server.driver.reader import Reader
from server.driver.routes import page
from server.driver.stay import district_zone
from server.driver.visitor import back_to, field, sheet, tell, visit_behind
from server.models import VisitRow
from server.photo_store import Photo

_BLOCK_BYTES = 256 * 1024


@blueprint.post("/<token>/fine")
def fine(token: str) -> AnyResponse:
    """The car is as it was."""
    try:
        tell(token, said.car_is_fine)
    except Refusal as refusal:
        return page(token, refusal)
    return back_to(token)


@blueprint.post("/<token>/rating")
def rating(token: str) -> AnyResponse:
    """`stars`: how it was, 1 to 5."""
    given = field("stars", 1)
    stars = int(given) if given.isascii() and given.isdigit() else 0
    try:
        tell(token, lambda teller: said.rate(teller, stars))
    except Refusal as refusal:
        return page(token, refusal)
    return back_to(token)


@blueprint.get("/<token>/problem")
def problem_page(token: str) -> Response:
    """Where a problem is told, and what was told before."""
    return _problem_page(token)


@blueprint.post("/<token>/problem")
def problem(token: str) -> AnyResponse:
    """Tell a problem: `words`, and `photo` some times. What can be kept of it is kept, also where
    a photo cannot: nobody has to begin anew for that."""
    found, now = services(), clock.now()
    # Before the body is read: a stranger's photos are not even looked at.
    visit_id = found.database.read(lambda session: visit_behind(session, token, now).id)
    request.max_content_length = (
        PHOTOS_MAX * found.config.driver_photo_bytes_max + found.config.form_bytes_max
    )
    # The parser counts what it holds of a file at once, too.
    request.max_form_memory_size = found.config.form_bytes_max + _BLOCK_BYTES
    try:
        words = field("words")
        photos = read_photos(request.files.getlist("photo"), found.config.driver_photo_bytes_max)
    except RequestEntityTooLarge:
        return _problem_page(token, [PHOTO_TOO_LARGE], 413)
    try:
        if not (photos.faults and not photos.taken and said.says_nothing(words)):
            tell(token, lambda teller: said.report_problem(teller, words, photos.refs))
            _keep(visit_id, photos.taken)
            tell(token, lambda teller: said.photos_are_kept(teller, photos.refs))
            words = ""
    except Refusal as refusal:
        return _problem_page(token, [refusal.code], refusal.status, words)
    if photos.faults:
        return _problem_page(token, photos.faults, 422, words)
    return back_to(token, "problem_page")


def _keep(visit_id: str, taken: Sequence[Taken]) -> None:
    store = photo_store()
    for one in taken:
        store.keep(Photo(visit_id, one.ref.sha256, one.ref.size_bytes), one.content)


def _problem_page(
    token: str, faults: Sequence[str] = (), status: int = 200, words: str = ""
) -> Response:
    """`faults`: what was not kept of a form, as keys of words; `words`: what is still to be
    sent."""
    found = services()

    def read(session: Session, visit: VisitRow, reader: Reader) -> dict[str, object]:
        zone = district_zone(session)
        notes = said.notes_of(session, found.key, visit.id)
        told = [
            {
                "time": reader.time(one.at, zone),
                "words": notes.get(one.event_id),
                "photos": one.data["photos"],
            }
            for one in said.said_of(session, visit.id)
            if one.about == PROBLEM
        ]
        return {
            "told": told,
            "can_tell": not visit.is_open and len(told) < found.config.driver_reports_max,
            "faults": [reader.fault(fault, limit=PHOTOS_MAX) for fault in faults],
            "words": words,
            "words_max": found.config.driver_note_chars,
            "photos_max": PHOTOS_MAX,
            "photo_bytes_max": found.config.driver_photo_bytes_max,
        }

    response = sheet(token, "problem", read)
    response.status_code = status
    return response
