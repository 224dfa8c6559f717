"""`POST /v1/pins`: a PIN that was chosen or given at a station."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, g
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from schemas.staff_pin import PINS_PATH, PinChangeSchema
from server import clock
from server.api.route import STATION, problems
from server.api.station_auth import Speaker, authenticate
from server.app import services
from server.sign_in.pins import Given, take

blueprint = Blueprint("pins", __name__, description="PINs of those who work at stations")

_PROBLEMS = {
    400: "The request cannot be read",
    401: "The station is not known, or the signature is wrong or was used before",
    403: "The station was revoked, or the person may not give this PIN",
    404: "There is no such person",
    413: "Too many bytes; the answer names the limit",
    422: "The change cannot be used",
}


class PinTakenSchema(Schema):
    """Since when the PIN that counts for this person does: this one, or one that is newer."""

    since = fields.AwareDateTime(required=True, format="iso")


@blueprint.before_request
def _require_station() -> None:
    g.speaker = authenticate(services())


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post(PINS_PATH)
@blueprint.doc(security=[{STATION: []}])
@blueprint.arguments(PinChangeSchema)
@blueprint.response(200, PinTakenSchema)
@problems(blueprint, _PROBLEMS)
def change(said: dict[str, Any]) -> dict[str, Any]:
    """Take over a PIN, which is told to every station. The same change may come again.

    Signed like a sync request. The digits are in no request: only their Argon2id text.
    """
    found, now = services(), clock.now()
    speaker: Speaker = g.speaker

    def work(session: Any) -> datetime:
        speaker.spend(session, now)
        return take(session, found.key, Given(**said), now)

    return {"since": found.database.write(work, in_turn=True)}
