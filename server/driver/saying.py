"""The forms for what a driver says once the car is back, and the page on which a problem is told.

Photos of a problem come with its form, without script. Only the picture is kept of each: cameras
write more into a file than one wants to tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.driver_words import PHOTOS_MAX, PROBLEM
from schemas.jpeg import JPEGError, only_picture
from schemas.photo import PhotoRef
from schemas.problems import Refusal
from server import clock
from server.app import photo_store, services
from server.driver import said
from server.driver.blueprint import blueprint
from server.driver.reader import Reader
from server.driver.routes import page
from server.driver.stay import district_zone
from server.driver.visitor import back_to, field, sheet, tell, visit_behind
from server.models import VisitRow
from server.photo_store import Photo

_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Taken:
    """A photo that came with a form."""

    ref: PhotoRef
    content: bytes


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
    return _problem_page(token, None)


@blueprint.post("/<token>/problem")
def problem(token: str) -> AnyResponse:
    """Tell a problem: `words`, and `photo` some times."""
    found, now = services(), clock.now()
    # Before the body is read: a stranger's photos are not even looked at.
    visit_id = found.database.read(lambda session: visit_behind(session, token, now).id)
    request.max_content_length = (
        PHOTOS_MAX * found.config.driver_photo_bytes_max + found.config.form_bytes_max
    )
    # The parser counts what it holds of a file at once, too.
    request.max_form_memory_size = found.config.form_bytes_max + _BLOCK_BYTES
    try:
        words, taken = field("words"), _photos(found.config.driver_photo_bytes_max)
        refs = [one.ref for one in taken]
        tell(token, lambda teller: said.report_problem(teller, words, refs))
        _keep(visit_id, taken)
        tell(token, lambda teller: said.photos_are_kept(teller, refs))
    except Refusal as refusal:
        return _problem_page(token, refusal)
    return back_to(token, "problem_page")


def _photos(bytes_max: int) -> Sequence[_Taken]:
    files = [file for file in request.files.getlist("photo") if file.filename]
    if len(files) > PHOTOS_MAX:
        raise Refusal("too_many_photos", limit=PHOTOS_MAX)
    taken = {}
    for file in files:
        content = file.stream.read(bytes_max + 1)
        if len(content) > bytes_max:
            raise Refusal("photo_too_large", limit=bytes_max)
        try:
            content = only_picture(content).content
        except JPEGError:
            raise Refusal("bad_photo") from None
        sha256 = hashlib.sha256(content).hexdigest()
        taken[sha256] = _Taken(PhotoRef(sha256, len(content)), content)
    return list(taken.values())


def _keep(visit_id: str, taken: Sequence[_Taken]) -> None:
    store = photo_store()
    for one in taken:
        store.keep(Photo(visit_id, one.ref.sha256, one.ref.size_bytes), one.content)


def _problem_page(token: str, refusal: Refusal | None) -> Response:
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
            "words": field("words") if refusal is not None else "",
            "words_max": found.config.driver_note_chars,
            "photos_max": PHOTOS_MAX,
        }

    return sheet(token, "problem", read, problem=refusal)
