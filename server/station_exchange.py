"""One exchange with a station, whatever carries it: its events come in, the district's news go out.

`POST /v1/sync` is the carrier; see `server.api.sync` for limits, signatures and the long poll.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from marshmallow import ValidationError
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from schemas.events import describe
from schemas.guest import GuestSchema
from schemas.plain_sync import plain_header
from schemas.problems import Refusal
from schemas.sync import CLONED, SyncHeaderSchema
from server import clock, station_nonces, station_twins
from server.app import Services
from server.bulk import table_of
from server.downlink import News, news
from server.gathering import Place
from server.ingest import Batch, Delivery, Receipt, ingest_together
from server.lines import read_lines
from server.models import DistrictRow, JournalRow, StationRow
from server.station_twins import Word

log = structlog.get_logger()

_HEADER = SyncHeaderSchema()
_GUEST = GuestSchema()
_CONTACT_EVERY_S = 10


def exchange(
    found: Services,
    station: StationRow,
    header: dict[str, Any],
    lines: Sequence[bytes],
    *,
    now: datetime,
    spend: Callable[[Session], None],
    hold: Callable[[int, int], News | None] | None = None,
) -> dict[str, Any]:
    """Take in a station's next events and tell it what changed in the district.

    `header` is the first line as JSON has it, `lines` are the events as they came. `spend` is
    called first in the transaction that the exchange makes, and may refuse it. `hold(cursor,
    wait_s)` waits for news beyond a cursor where the station asked for that and brought nothing;
    it may bring them along.

    Returns the content of `SyncAnswerSchema`. Raises `Refusal`: `bad_header`, and what `spend`
    raises.
    """
    content = _read_header(header)
    batch = Batch(
        station_id=station.id,
        place_id=station.place_id,
        journal_id=str(content["journal_id"]),
        boot_id=content["boot_id"],
        mono_ns=content["mono_ns"],
        guests=content["records"],
        lines=lines,
        first_seq=content["first_seq"],
        has_more=content["depth"] > len(lines),
    )
    cursor: int | None = content["cursor"]
    fresh = None
    if lines or batch.guests:
        receipt = _take_in(found, station, batch, content, now, spend)
    else:
        receipt, version = _poll(found, station, batch, content, now, spend)
        if version == cursor:
            fresh = News(version, [], more=False)
    if cursor is not None:
        if hold is not None and content["wait_s"] and not lines:
            fresh = hold(cursor, content["wait_s"])
        fresh = fresh or _news(found, cursor, batch.journal_id)
    answer = _answer(receipt, cursor, fresh)
    return {**answer, "alarm": _alarm(station), "public_url": found.config.public_url}


def _read_header(header: object) -> dict[str, Any]:
    plain = plain_header(header)
    if plain is not None:
        return plain
    try:
        content: dict[str, Any] = _HEADER.load(_without_bad_records(header))
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise Refusal("bad_header", detail=describe(messages)) from None
    return content


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


def _take_in(
    found: Services,
    station: StationRow,
    batch: Batch,
    header: dict[str, Any],
    now: datetime,
    spend: Callable[[Session], None],
) -> Receipt:
    """Ingest, and note who spoke, in one transaction; perhaps together with other stations'."""
    with found.database.gathering.place(batch.journal_id, batch.first_seq or 0) as place:
        lines = read_lines(batch.lines, batch.first_seq)
        heard = {
            "of_id": station.id,
            "new_seen_at": now,
            # What this request brings is no longer waiting once it is taken in.
            "new_depth": max(0, header["depth"] - len(lines)),
            "new_version": header["version"],
        }
        coming = _Coming(Delivery(batch, lines, now), spend, heard)
        receipt = _taken_in(found, place, coming)
    if _is_due(station, batch, now):
        found.database.note(
            lambda session: station_twins.note(session, found.config, station, _word(batch), now)
        )
    return receipt


@dataclass(frozen=True, slots=True)
class _Coming:
    """What one request brings; `heard`: what is noted of the station with it. `trusts_ids`: see
    `ingest_together`."""

    delivery: Delivery
    spend: Callable[[Session], None]
    heard: dict[str, Any]
    trusts_ids: bool = True


def _taken_in(found: Services, place: Place, coming: _Coming) -> Receipt:
    weight, work = len(coming.delivery.lines), partial(_write, found)
    try:
        return found.database.write_together(place, coming, weight, work)
    except IntegrityError:
        # One of them seems to have another event's id: hardly ever, so it is asked only now.
        coming = replace(coming, trusts_ids=False)
        return found.database.write_together(place, coming, weight, work)


def _write(found: Services, session: Session, together: Sequence[_Coming]) -> list[Receipt]:
    for each in together:
        each.spend(session)
    receipts = ingest_together(
        session,
        found.config,
        found.key,
        [each.delivery for each in together],
        trusts_ids=all(each.trusts_ids for each in together),
    )
    session.connection().execute(_HEARD, [each.heard for each in together])
    return receipts


def _poll(
    found: Services,
    station: StationRow,
    batch: Batch,
    header: dict[str, Any],
    now: datetime,
    spend: Callable[[Session], None],
) -> tuple[Receipt, int]:
    """What a request that brings nothing is told: how far its journal was taken in, and the
    district's version. It only spends what it must, and now and then notes who spoke."""

    def work(session: Session) -> tuple[Receipt, int]:
        spend(session)
        if _is_due(station, batch, now):
            _note_contact(session, found, station, batch, header, now)
            station_nonces.forget_old(session, found.config, station.id, now)
        head_seq, version = session.connection().execute(_WHERE, {"id": batch.journal_id}).one()
        return Receipt(head_seq or 0), version or 0

    return found.database.note(work)


_JOURNALS, _DISTRICTS, _STATIONS = map(table_of, (JournalRow, DistrictRow, StationRow))
_WHERE = select(
    select(_JOURNALS.c.head_seq).where(_JOURNALS.c.id == bindparam("id")).scalar_subquery(),
    select(_DISTRICTS.c.version).scalar_subquery(),
)


_HEARD = (
    update(_STATIONS)
    .where(_STATIONS.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("seen_at", "depth", "version")})
)


def _note_contact(
    session: Session,
    found: Services,
    station: StationRow,
    batch: Batch,
    header: dict[str, Any],
    now: datetime,
) -> None:
    """Remember that a station was heard of; contacts are never queued, only the last counts."""
    heard = {"new_seen_at": now, "new_depth": header["depth"], "new_version": header["version"]}
    session.connection().execute(_HEARD, {"of_id": station.id, **heard})
    station_twins.note(session, found.config, station, _word(batch), now)


def _word(batch: Batch) -> Word:
    return Word(batch.boot_id, batch.journal_id, batch.mono_ns)


def _is_due(station: StationRow, batch: Batch, now: datetime) -> bool:
    """Whether this is the first word of the station in these ten seconds, or another machine's."""
    seen_at = station.seen_at
    if seen_at is None or _tenth(now) != _tenth(seen_at):
        return True
    return station_twins.is_other(station, _word(batch))


def _tenth(at: datetime) -> int:
    return int(at.timestamp()) // _CONTACT_EVERY_S


def _news(found: Services, cursor: int, journal_id: str) -> News:
    limit = found.config.changes_per_answer
    return found.database.read(lambda session: news(session, found.key, cursor, limit, journal_id))


def _alarm(station: StationRow) -> str | None:
    return None if station.cloned_at is None else CLONED


def _answer(receipt: Receipt, cursor: int | None, fresh: News | None) -> dict[str, Any]:
    return {
        "ack_seq": receipt.ack_seq,
        "verdicts": receipt.verdicts,
        "gap": receipt.gap,
        "chain_broken_at": receipt.chain_broken_at,
        "from_cursor": cursor,
        "cursor": None if fresh is None else fresh.cursor,
        "changes": [] if fresh is None else fresh.changes,
        "more": fresh is not None and fresh.more,
        "server_time": clock.now(),
    }
