"""`POST /v1/photos` and what follows: how the bytes of a photo get from a station to the store."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, g, request
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from schemas.photo import (
    ALTERED,
    AWAITED,
    JPEG,
    OFFSET_HEADER,
    PHOTO_BYTES_MAX,
    PhotoAnswerSchema,
    PhotoAskSchema,
    PhotoRef,
    PhotoVisitSchema,
)
from schemas.problems import Refusal
from server import clock, photos
from server.api.route import STATION, problems
from server.api.station_auth import Speaker, authenticate
from server.app import photo_store, services
from server.models import PhotoRow
from server.photo_store import Photo, PhotoFolder

blueprint = Blueprint("photos", __name__, description="Photos of cars")

_SHA256 = re.compile("[0-9a-f]{64}")
_SIGNED: dict[str, Any] = {"security": [{STATION: []}]}
_PROBLEMS = {
    400: "The request cannot be read, or is not what the event says",
    401: "The station is not known, or the signature is wrong or was used before",
    403: "The station was revoked",
    404: "No event of this station names such a photo",
    413: "More bytes than are taken; the answer names the limit",
    422: "The request does not say which photo",
    503: "The store cannot be reached",
}
_PUT_PROBLEMS = {
    400: "The body does not begin where it may or end where it must, or has broken off",
    403: "The address is not one that was given out, or it has expired",
    404: "Photos are not put here",
    503: "As many photos as may come at once are coming",
    507: "The disk is full",
}


class PutAddressSchema(Schema):
    """What the address of a put says: how many bytes, until when (Unix seconds), and our seal."""

    bytes = fields.Integer(required=True, validate=validate.Range(1, PHOTO_BYTES_MAX))
    until = fields.Integer(required=True, validate=validate.Range(0, 2**40))
    seal = fields.String(required=True, validate=validate.Regexp(r"[A-Za-z0-9_-]{43}\Z"))


@blueprint.before_request
def _require_station() -> None:
    # A put is no request of a station's own words: what it may is in its address.
    if request.endpoint != "photos.put":
        g.speaker = authenticate(services())


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/v1/photos")
@blueprint.doc(**_SIGNED)
@blueprint.arguments(PhotoAskSchema)
@blueprint.response(200, PhotoAnswerSchema)
@problems(blueprint, _PROBLEMS)
def ask(asked: dict[str, Any]) -> dict[str, Any]:
    """Where a station puts a photo that one of its events names, and from which byte on.

    Signed like a sync request; may be asked again after every cut.
    """
    found, now = services(), clock.now()
    speaker: Speaker = g.speaker
    visit_id, ref = str(asked["visit_id"]), PhotoRef.from_wire(asked)

    def work(session: Session) -> PhotoRow:
        speaker.spend(session, now)
        return photos.ask(
            session, found.config, speaker.station.id, visit_id, ref, asked["found_sha256"]
        )

    row = found.database.write(work)
    state = photos.told_state(row)
    # A station whose own file has changed has nothing to bring.
    is_wanted = state == AWAITED or (state == ALTERED and asked["found_sha256"] is None)
    if not is_wanted:
        return {"state": state, "put": None}
    put = photo_store().put(Photo(visit_id, row.sha256, row.size_bytes), now)
    return {"state": row.state, "put": put}


@blueprint.post("/v1/photos/<sha256>/stored")
@blueprint.doc(**_SIGNED)
@blueprint.arguments(PhotoVisitSchema)
@blueprint.response(200, PhotoAnswerSchema)
@problems(blueprint, _PROBLEMS)
def stored(asked: dict[str, Any], sha256: str) -> dict[str, Any]:
    """A station says that it has put a photo: the cloud looks whether it is the one.

    `awaited` in the answer: not all of it is there. `altered`: what is there is something else.
    """
    found, now = services(), clock.now()
    speaker: Speaker = g.speaker
    station_id, visit_id = speaker.station.id, str(asked["visit_id"])

    if not _SHA256.fullmatch(sha256):
        raise Refusal("unknown_photo")

    def begin(session: Session) -> PhotoRow:
        speaker.spend(session, now)
        return photos.expected(session, station_id, visit_id, sha256)

    row = found.database.write(begin)
    photo = Photo(visit_id, sha256, row.size_bytes)
    # Outside of any transaction: a store may be slow.
    there = photo_store().look(photo)
    row = found.database.write(
        lambda session: photos.settle(session, station_id, visit_id, sha256, there, now)
    )
    if there is not None and (row.state == ALTERED or row.erase_from is not None):
        photo_store().drop(photo)
    return {"state": photos.told_state(row)}


@blueprint.put("/v1/photos/<uuid:visit_id>/<sha256>")
@blueprint.doc(
    requestBody={
        "required": True,
        "description": f"The photo's bytes from `{OFFSET_HEADER}` to its end.",
        "content": {JPEG: {"schema": {"type": "string", "format": "binary"}}},
    },
    parameters=[
        {
            "name": OFFSET_HEADER,
            "in": "header",
            "required": True,
            "schema": {"type": "integer", "minimum": 0},
            "description": "Where in the photo the body begins.",
        }
    ],
)
@blueprint.arguments(PutAddressSchema, location="query")
@blueprint.response(204)
@problems(blueprint, _PUT_PROBLEMS)
def put(address: dict[str, Any], visit_id: object, sha256: str) -> None:
    """Take the bytes of a photo, at an address that was given to a station for it.

    What has arrived before a cut is kept.
    """
    photo = Photo(str(visit_id), sha256, address["bytes"])
    store = photo_store()
    if not isinstance(store, PhotoFolder) or not _SHA256.fullmatch(sha256):
        raise Refusal("unknown_photo")
    if not store.may_put(photo, address["until"], address["seal"], clock.now()):
        raise Refusal("not_allowed")
    offset = _offset()
    if request.mimetype != JPEG or request.content_length != photo.size_bytes - offset:
        raise Refusal("bad_request", detail="not the bytes that were asked for")
    request.max_content_length = PHOTO_BYTES_MAX
    _end_a_stall(services().config.photo_stall_s)
    store.take(photo, offset, request.stream)


def _offset() -> int:
    text = request.headers.get(OFFSET_HEADER, "")
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Refusal("bad_request", detail=f"{OFFSET_HEADER}: a number of bytes")
    return int(text)


def _end_a_stall(stall_s: int) -> None:
    """A line that goes quiet without an end must not hold a thread for ever."""
    for server in ("gunicorn.socket", "werkzeug.socket"):
        if server in request.environ:
            request.environ[server].settimeout(stall_s)
