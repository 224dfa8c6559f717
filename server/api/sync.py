"""`POST /v1/sync`: the only door between a station and the cloud."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import Any

from flask import Response, after_this_request, request
from flask_smorest import Blueprint

from schemas.problems import Refusal
from schemas.sync import CONTENT_TYPE, SyncAnswerSchema
from server import clock, news_line, request_meter
from server.api.route import STATION, problems
from server.api.station_auth import authenticate
from server.app import Services, services
from server.downlink import News
from server.station_exchange import exchange
from server.watch import watch

blueprint = Blueprint("sync", __name__, description="Stations")

# Less is over before it is packed.
_PACK_FROM_BYTES = 1_000
# The line gains most by the first level, and the answer waits for it.
_PACK_LEVEL = 1

_BODY = {
    "requestBody": {
        "required": True,
        "description": (
            "Lines of JSON, each ended by a line feed: first a header (schema SyncHeader), then "
            "sealed events as the journal holds them (schema Envelope with its `hash` as the "
            "last member). Signed with the station's key (Valet-* headers); gzip allowed."
        ),
        "content": {CONTENT_TYPE: {"schema": {"type": "string"}}},
    },
    "security": [{STATION: []}],
}
_PROBLEMS = {
    400: "The header cannot be used",
    401: (
        "The station is not known, the signature is wrong or was used before, or its time is too "
        "far from ours: then `server_time` (Unix seconds) is what to sign with"
    ),
    403: "The station was revoked",
    413: "Too many bytes or events; the answer names the limit",
}


@blueprint.post("/v1/sync")
@blueprint.doc(**_BODY)
@blueprint.response(200, SyncAnswerSchema)
@problems(blueprint, _PROBLEMS)
def sync() -> dict[str, Any]:
    """Take in a station's next events and tell it what changed in the district."""
    found = services()
    if _brings_nothing():
        found.news_line.enter()
    speaker = authenticate(found)
    header, lines = _parse(found)
    after_this_request(_packed)
    now = clock.now()
    answer = exchange(
        found,
        speaker.station,
        header,
        lines,
        now=now,
        spend=lambda session: speaker.spend(session, now),
        hold=lambda cursor, wait_s: _hold(found, cursor, wait_s, header["journal_id"]),
    )
    watch().meter.judged(lines, answer)
    return answer


blueprint.teardown_request(news_line.leave)


def _brings_nothing() -> bool:
    """Whether the body is a header alone. One that is packed may hold anything."""
    body = request.get_data(cache=True)
    return b"\n" not in body.rstrip(b"\n") and "Content-Encoding" not in request.headers


def _packed(response: Response) -> Response:
    """The answer in gzip, for who takes that: what a catch-up is told is long."""
    response.vary.add("Accept-Encoding")
    content = response.get_data()
    if request.accept_encodings.quality("gzip") and len(content) >= _PACK_FROM_BYTES:
        response.set_data(gzip.compress(content, compresslevel=_PACK_LEVEL, mtime=0))
        response.content_encoding = "gzip"
    return response


def _parse(found: Services) -> tuple[Any, list[bytes]]:
    """The header, as JSON has it, and the event lines of the request body."""
    config = found.config
    raw = _inflate(request.get_data(cache=True), config.body_bytes_max)
    first, *lines = raw.split(b"\n")
    lines = [line for line in lines if line]
    if len(lines) > config.events_per_batch_max:
        raise Refusal("too_many_events", limit=config.events_per_batch_max)
    try:
        return json.loads(first), lines
    except (ValueError, RecursionError):
        raise Refusal("bad_header", detail="the first line is not JSON") from None


def _inflate(body: bytes, limit: int) -> bytes:
    """The body as text; a small bomb is not allowed to become a large one."""
    if request.headers.get("Content-Encoding", "identity") != "gzip":
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            raw = file.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Refusal("bad_request", detail="the body is not gzip") from None
    if len(raw) > limit:
        raise Refusal("too_large", limit=limit)
    return raw


def _hold(found: Services, cursor: int, wait_s: int, journal_id: str) -> News | None:
    """Wait until the district has a version beyond the cursor, but not too long; the news of which
    word came."""
    began_s = clock.mono_s()
    with found.news_line.out():
        version = found.notices.wait(cursor, min(wait_s, found.config.poll_wait_s_max))
    request_meter.leave_out(clock.mono_s() - began_s)
    return found.shared_news.since(cursor, version, journal_id) if version > cursor else None
