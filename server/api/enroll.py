"""`POST /v1/stations/enroll` lets a station in by its code; `POST /v1/stations/key` changes its
key. Both as in `schemas.enrolment`."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from schemas.enrolment import (
    ENROLL_PATH,
    KEY_PATH,
    EnrolledSchema,
    EnrollmentSchema,
    NextKeySchema,
    StationKeysSchema,
)
from schemas.problems import Refusal
from schemas.signing import STATION_HEADER, is_signed
from server import clock, enrol_tries, station_codes, stations
from server.api.route import STATION, problems
from server.api.station_auth import authenticate
from server.app import services
from server.models import PlaceRow, StationRow
from server.station_codes import Enrollment

blueprint = Blueprint("enrolment", __name__, description="Stations")

_ENROLL_PROBLEMS = {
    400: "The request cannot be read",
    401: "The request is not signed with the key that it brings",
    409: "The code is for another station than the settings say (the members say which), or the "
    "key is not new; the code stays good",
    413: "Too many bytes",
    422: "The code is wrong, was used or is too old",
    429: "Too many codes were tried; wait some minutes",
}
_KEY_PROBLEMS = {
    400: "The request cannot be read",
    401: "The station is not known, the signature or the proof is wrong, the request was used "
    "before, or its time is too far from ours (`server_time`)",
    403: "The station was revoked",
    409: "The key is not new, or two machines use the present one",
    422: "The body cannot be used",
}


@blueprint.before_request
def _refuse_large() -> None:
    limit = services().config.form_bytes_max
    if (request.content_length or 0) > limit:
        raise Refusal("too_large", limit=limit)


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post(ENROLL_PATH)
@blueprint.doc(security=[{STATION: []}])
@blueprint.arguments(EnrollmentSchema)
@blueprint.response(200, EnrolledSchema)
@problems(blueprint, _ENROLL_PROBLEMS)
def enroll(said: dict[str, Any]) -> dict[str, Any]:
    """Let a station in. Signed with the key that it brings; the time is not looked at."""
    found, now, wish = services(), clock.now(), Enrollment(**said)
    if request.headers.get(STATION_HEADER) != wish.station_id or not is_signed(
        bytes.fromhex(wish.public_key),
        dict(request.headers.items()),
        request.method,
        request.path,
        request.get_data(cache=True),
    ):
        raise Refusal("bad_signature")
    limits = enrol_tries.who(found.config, found.key, request.remote_addr)
    if found.database.read(lambda s: enrol_tries.is_blocked(s, found.config, limits, now)):
        raise Refusal("too_many_tries", retry_after_s=found.config.enrol_tries_s)
    if not found.database.write(lambda s: enrol_tries.count(s, found.config, limits, now)):
        raise Refusal("too_many_tries", retry_after_s=found.config.enrol_tries_s)

    def work(session: Session) -> PlaceRow:
        place = station_codes.redeem(session, found.key, wish, now)
        enrol_tries.take_back(session, limits)
        return place

    place = found.database.write(work)
    return {
        "station_id": wish.station_id,
        "place_id": place.id,
        "place_name": place.name,
        "role": place.kind,
        "letter": place.letter,
    }


@blueprint.post(KEY_PATH)
@blueprint.doc(security=[{STATION: []}])
@blueprint.arguments(NextKeySchema)
@blueprint.response(200, StationKeysSchema)
@problems(blueprint, _KEY_PROBLEMS)
def change_key(said: dict[str, Any]) -> StationRow:
    """Announce the station's next key; signed with that key, it is in use from then on."""
    found, now = services(), clock.now()
    speaker = authenticate(found)

    def work(session: Session) -> StationRow:
        speaker.spend(session, now)
        return stations.announce_key(
            session, speaker.station.id, said["public_key"], said["proof"], now
        )

    return found.database.write(work)
