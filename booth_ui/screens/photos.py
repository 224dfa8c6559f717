"""Photos of a car, from a file or the station's camera: of an open ticket, or of the reception.

The picture goes to the station as it is; what is kept of it, and whether, is the station's.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.car_notes import notes_of
from booth_ui.desk import station, viewer
from booth_ui.page import go, once, show
from reader_agent.photo_store import DRAFT
from schemas.photo import JPEG
from schemas.problems import Refusal

blueprint = Blueprint("photos", __name__)

FIELD = "photo"
_FORM_BYTES = 64 * 1024
"""What a form with a file may have beside it."""


@blueprint.get("/tickets/<visit_id>/photos")
def ticket_photos(visit_id: str) -> Response:
    """The photos of a ticket, and the way to take one more."""
    return _of_ticket(visit_id)


@blueprint.post("/tickets/<visit_id>/photos")
def add_to_ticket(visit_id: str) -> AnyResponse:
    """Take one more, in whatever state the visit is: damage is also found on return."""
    here = f"/tickets/{visit_id}/photos"
    return _add(here, lambda content: station().photos.add(visit_id, content), _of_ticket, visit_id)


@blueprint.get("/receive/photos")
def draft_photos() -> AnyResponse:
    """The photos of the reception that is open."""
    return _of_draft()


@blueprint.post("/receive/photos")
def add_to_draft() -> AnyResponse:
    """Take one more of the car that is being received."""
    return _add("/receive/photos", station().photos.add_to_draft, _of_draft)


@blueprint.post("/receive/photos/drop")
def drop_from_draft() -> AnyResponse:
    """Take one back, to take it anew."""
    station().photos.drop_from_draft(request.form.get("sha256", ""))
    return go("/receive/photos")


@blueprint.get("/receive/photos/drop")
def ask_drop() -> AnyResponse:
    """Nothing to see under this address; a locked screen comes back to it."""
    return go("/receive/photos")


@blueprint.get("/photos/<owner>/<sha256>.jpg")
def photo(owner: str, sha256: str) -> Response:
    """A photo that was taken here, while it is kept. `owner` is a visit's id or `draft`."""
    try:
        content = station().photos.content(owner, sha256)
    except OSError as error:
        raise Refusal("unknown_photo") from error
    if content is None:
        raise Refusal("unknown_photo")
    return Response(content, content_type=JPEG)


def _add(
    here: str,
    keep: Callable[[bytes], None],
    again: Callable[..., AnyResponse],
    *of: str,
) -> AnyResponse:
    def act() -> str:
        keep(_content())
        return here

    try:
        _make_room_for_a_file()
        try:
            once(act)
        finally:
            # Larger ones lie in a file of their own until then.
            for file in request.files.values():
                file.close()
    except Refusal as refusal:
        return again(*of, refusal=refusal)
    return go(here, "done.photo")


def _make_room_for_a_file() -> None:
    """Let a form be larger than others. Raises `Refusal` for one that is even larger."""
    most = station().photos.most_bytes + _FORM_BYTES
    if request.content_length is None or request.content_length > most:
        raise Refusal("photo_too_large")
    request.max_content_length = most


def _content() -> bytes:
    file = request.files.get(FIELD)
    content = b"" if file is None else file.read()
    if not content:
        raise Refusal("bad_photo")
    return content


def _of_ticket(visit_id: str, refusal: Refusal | None = None) -> Response:
    card = station().card(visit_id)
    return show(
        "photos.html",
        refusal=refusal,
        is_draft=False,
        notes=notes_of(station().photos.reception(visit_id), viewer()),
        title=card.code,
        plate=card.plate,
        owner=visit_id,
        photos=[ref.sha256 for ref in station().photos.of(visit_id)],
        is_kept=lambda sha256: station().photos.is_kept(visit_id, sha256),
        back=f"/tickets/{visit_id}",
        here=f"/tickets/{visit_id}/photos",
    )


def _of_draft(refusal: Refusal | None = None) -> AnyResponse:
    draft = station().draft()
    if draft is None:
        return go("/receive")
    return show(
        "photos.html",
        refusal=refusal,
        is_draft=True,
        notes=[],
        title=draft.key_label,
        plate=draft.plate or "",
        owner=DRAFT,
        photos=[ref.sha256 for ref in draft.photos],
        is_kept=lambda sha256: station().photos.is_kept(DRAFT, sha256),
        back="/receive/damage",
        here="/receive/photos",
    )
