"""`POST /v1/cards/keys`: what a station needs to make one card."""

from __future__ import annotations

from typing import Any

from flask import Response, g
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy.orm import Session

from schemas.card_keys import CardKeys, CardKeysSchema
from server import clock
from server.api.route import STATION, problems
from server.api.station_auth import Speaker, authenticate
from server.app import services
from server.card_keys import Wish, give_keys

blueprint = Blueprint("cards", __name__, description="Cards that prove themselves")

_PROBLEMS = {
    400: "The request cannot be read",
    401: "The station is not known, or the signature is wrong or was used before",
    403: "The station was revoked, or the person may not make cards",
    413: "Too many bytes; the answer names the limit",
    422: "The tag is none that can hold keys",
    429: "The station has had as many as it gets in an hour",
}


class CardKeysWishSchema(Schema):
    """Which card, and who makes it."""

    class Meta:
        unknown = RAISE

    tag = fields.String(required=True, validate=validate.Regexp(r"[0-9A-Za-z:]{4,80}\Z"))
    actor = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9][a-z0-9-]{0,38}\Z"))


@blueprint.before_request
def _require_station() -> None:
    g.speaker = authenticate(services())


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/v1/cards/keys")
@blueprint.doc(security=[{STATION: []}])
@blueprint.arguments(CardKeysWishSchema)
@blueprint.response(200, CardKeysSchema)
@problems(blueprint, _PROBLEMS)
def give(wish: dict[str, Any]) -> dict[str, Any]:
    """The keys of one card, for the moment in which a supervisor or manager makes it.

    Signed like a sync request. Who had which keys when is noted down; the keys are not.
    """
    found, now = services(), clock.now()
    speaker: Speaker = g.speaker
    asked = Wish(speaker.station.id, wish["actor"], wish["tag"], speaker.nonce)

    def work(session: Session) -> CardKeys:
        speaker.spend(session, now)
        return give_keys(session, found.config, found.key, asked, now)

    return found.database.write(work).to_wire()
