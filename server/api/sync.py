"""`POST /v1/sync`: the only door between a station and the cloud."""

from __future__ import annotations

import gzip
import io
import json
import time
import zlib
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog
from flask import request
from flask_smorest import Blueprint
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from schemas.events import describe
from schemas.guest import GuestSchema
from schemas.problems import Refusal
from schemas.sync import CLONED, CONTENT_TYPE, SyncAnswerSchema, SyncHeaderSchema
from server import clock, station_nonces, station_twins
from server.api.route import STATION, problems
from server.api.station_auth import Speaker, authenticate
from server.app import Services, services
from server.downlink import News, news
from server.ingest import Batch, Receipt, ingest, note_contact
from server.models import JournalRow, StationRow
from server.station_twins import Word
from server.version_watch import LOOK_EVERY_S

log = structlog.get_logger()
blueprint = Blueprint("sync", __name__, description="Stations")

_HEADER = SyncHeaderSchema()
_GUEST = GuestSchema()
_CONTACT_EVERY_S = 10
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
    speaker = authenticate(found)
    station = speaker.station
    header, lines = _parse(found)
    batch = Batch(
        station_id=station.id,
        place_id=station.place_id,
        journal_id=str(header["journal_id"]),
        boot_id=header["boot_id"],
        mono_ns=header["mono_ns"],
        guests=header["records"],
        lines=lines,
        first_seq=header["first_seq"],
    )
    receipt = _take_in(found, speaker, batch, header)
    cursor = header["cursor"]
    fresh = None if cursor is None else _wait_for_news(found, batch, header, bool(lines))
    return {**_answer(receipt, cursor, fresh), "alarm": _alarm(station)}


def _parse(found: Services) -> tuple[dict[str, Any], list[bytes]]:
    """The header and the event lines of the request body."""
    config = found.config
    raw = _inflate(request.get_data(cache=True), config.body_bytes_max)
    first, *lines = raw.split(b"\n")
    lines = [line for line in lines if line]
    if len(lines) > config.events_per_batch_max:
        raise Refusal("too_many_events", limit=config.events_per_batch_max)
    try:
        header: dict[str, Any] = _HEADER.load(_without_bad_records(json.loads(first)))
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise Refusal("bad_header", detail=describe(messages)) from None
    except (ValueError, RecursionError):
        raise Refusal("bad_header", detail="the first line is not JSON") from None
    return header, lines


def _without_bad_records(header: Any) -> Any:
    """The header with the guest records that can be read: one that cannot be must not keep the
    station's events from coming in. The station still has it; the log says only that."""
    records = header.get("records") if isinstance(header, dict) else None
    if not isinstance(records, list):
        return header
    good = [record for record in records if not _GUEST.validate(record)]
    if len(good) < len(records):
        log.error("guest_records_refused", count=len(records) - len(good))
    return {**header, "records": good}


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


def _take_in(found: Services, speaker: Speaker, batch: Batch, header: dict[str, Any]) -> Receipt:
    """Ingest in one transaction; a request that brings nothing writes its nonce, and now and then
    a contact."""
    now, station = clock.now(), speaker.station
    word = Word(batch.boot_id, batch.journal_id, batch.mono_ns)

    # What this request brings is no longer waiting once it is taken in.
    waiting = max(0, header["depth"] - len(batch.lines))

    is_due = _is_due(station, now) or station_twins.is_other(station, word)

    def contact(session: Session) -> None:
        row = session.get(StationRow, station.id, with_for_update=True)
        note_contact(session, station.id, waiting, header["version"], now)
        if row is not None and is_due:
            station_twins.note(session, found.config, row, word, now)
            station.cloned_at = row.cloned_at

    def work(session: Session) -> Receipt:
        speaker.spend(session, now)
        receipt = ingest(session, found.config, found.key, batch, now)
        contact(session)
        return receipt

    def poll(session: Session) -> Receipt:
        speaker.spend(session, now)
        if is_due:
            contact(session)
            station_nonces.forget_old(session, found.config, station.id, now)
        journal = session.get(JournalRow, batch.journal_id)
        return Receipt(0 if journal is None else journal.head_seq)

    return found.database.write(work if batch.lines or batch.guests else poll)


def _is_due(station: StationRow, now: datetime) -> bool:
    """Whether this is the first word of the station in these ten seconds."""
    seen_at = station.seen_at
    return seen_at is None or _tenth(now) != _tenth(seen_at)


def _tenth(at: datetime) -> int:
    return int(at.timestamp()) // _CONTACT_EVERY_S


def _wait_for_news(
    found: Services, batch: Batch, header: dict[str, Any], brought_events: bool
) -> News:
    """What changed after the cursor; with `wait_s` and nothing new, hold on for a while."""
    cursor: int = header["cursor"]
    limit = found.config.changes_per_answer
    wait_s = 0 if brought_events else min(header["wait_s"], found.config.poll_wait_s_max)
    deadline_ns = clock.mono_ns() + wait_s * 10**9
    while wait_s and found.watch.version() <= cursor and clock.mono_ns() < deadline_ns:
        # The long poll itself: nothing tells this thread of news, so it looks again.
        time.sleep(LOOK_EVERY_S)
    return found.database.read(lambda session: news(session, found.key, cursor, limit))


def _alarm(station: StationRow) -> str | None:
    return None if station.cloned_at is None else CLONED


def _answer(receipt: Receipt, cursor: int | None, fresh: News | None) -> dict[str, Any]:
    return {
        **asdict(receipt),
        "from_cursor": cursor,
        "cursor": None if fresh is None else fresh.cursor,
        "changes": [] if fresh is None else fresh.changes,
        "more": fresh is not None and fresh.more,
        "server_time": clock.now(),
    }
