"""Taking in what a station recorded: once each, in order, never thrown away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from schemas import sync
from schemas.events import Event, EventError
from schemas.guest import Guest
from schemas.ids import uuid7
from schemas.visit import Fact
from server import (
    card_proofs,
    event_times,
    follow_up,
    guests,
    journal_head,
    photos,
    recorded,
    shifts,
    tags,
    visits,
)
from server.bulk import table_of
from server.config import Config
from server.dispatch.replan import replan
from server.district import next_version
from server.journal_head import JournalHead
from server.lines import Line, read_lines
from server.master_key import MasterKey
from server.models import EventRow, QuarantineRow
from server.one_of import one_of, one_of_numbers
from server.recorded import Recorded
from server.tracing import traced

log = structlog.get_logger()

_EVENTS, _QUARANTINE = table_of(EventRow), table_of(QuarantineRow)


@dataclass(frozen=True, slots=True)
class Batch:
    """One sync request, parsed: who sends, from which boot, and the lines as they came.

    `first_seq` is where the sender says that the lines begin, if it says so; `has_more`: it says
    that more waits behind them.
    """

    station_id: str
    place_id: str
    journal_id: str
    boot_id: str
    mono_ns: int
    guests: Sequence[Guest]
    lines: Sequence[bytes]
    first_seq: int | None = None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch that has come: its lines, read before anything was locked, and when it was."""

    batch: Batch
    lines: Sequence[Line]
    now: datetime


@dataclass(slots=True)
class Receipt:
    """What became of a batch."""

    ack_seq: int
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    gap: dict[str, int] | None = None
    chain_broken_at: int | None = None

    def verdict(self, seq: int, event_id: str | None, verdict: str, code: str, detail: str) -> None:
        """Note a verdict other than a plain `accepted`."""
        self.verdicts.append(
            {"seq": seq, "id": event_id, "verdict": verdict, "code": code, "detail": detail}
        )


@dataclass(slots=True)
class _Intake:
    """The work on one batch: what is known of the journal and what is to be written.

    `known` are the lines of the events that stand at the batch's sequences, `refused` the
    faults of the lines that were refused there; `used_ids` is shared by all that are taken in
    together.
    """

    session: Session
    batch: Batch
    journal: JournalHead
    receipt: Receipt
    version: int
    now: datetime
    used_ids: set[str]
    known: dict[int, bytes]
    refused: dict[tuple[int, bytes], EventError]
    rows: list[Recorded] = field(default_factory=list)


def ingest(
    session: Session,
    config: Config,
    key: MasterKey,
    batch: Batch,
    now: datetime,
) -> Receipt:
    """Take in one batch in the caller's transaction: see `ingest_together`."""
    delivery = Delivery(batch, read_lines(batch.lines, batch.first_seq), now)
    (receipt,) = ingest_together(session, config, key, [delivery])
    return receipt


@traced("ingest")
def ingest_together(
    session: Session,
    config: Config,
    key: MasterKey,
    deliveries: Sequence[Delivery],
    *,
    trusts_ids: bool = False,
) -> list[Receipt]:
    """Take in batches in the caller's transaction and apply them to visits, moves and messages;
    no two of them are of one journal. It is as if one had come after the other, but costs hardly
    more than one of them: what follows from the events is worked out once.

    `trusts_ids`: that no other event has the id of a new one is not asked but left to the
    database, which raises `IntegrityError` where one has: then it has to be asked after all.

    1. The district's version and the journals' rows are taken, in this order, by everyone.
    2. Each line is read alone: a bad one is quarantined and its sequence acknowledged.
    3. Sequence decides: known ones are duplicates, a jump ahead is a gap and ends the batch.
    4. The visits that the new events touch are folded anew, and messages follow in the same
       transaction; moves and promises too, once nothing more waits: a plan for the middle of an
       outage that is over would promise what is long done. (Should the rest not come, the worker
       plans.)
    """
    version = next_version(session)
    intakes = _begin(session, deliveries, version, trusts_ids=trusts_ids)
    for intake, delivery in zip(intakes, deliveries, strict=True):
        for line in delivery.lines:
            if not _take_line(intake, line):
                break
    moved = [each.journal for each in intakes if each.receipt.ack_seq != each.journal.head_seq]
    journal_head.put(session.connection(), moved)
    for intake in intakes:
        intake.receipt.ack_seq = intake.journal.head_seq
    _apply(session, config, key, intakes, version)
    return [intake.receipt for intake in intakes]


def _begin(
    session: Session, deliveries: Sequence[Delivery], version: int, *, trusts_ids: bool
) -> list[_Intake]:
    connection = session.connection()
    used_ids = set[str]() if trusts_ids else _used_ids(connection, deliveries)
    stations = {each.batch.journal_id: each.batch.station_id for each in deliveries}
    journals = journal_head.take(connection, stations)
    intakes = []
    for delivery in deliveries:
        journal = journals[delivery.batch.journal_id]
        seqs = [
            line.seq
            for line in delivery.lines
            if line.seq is not None and line.seq <= journal.head_seq
        ]
        where = {"journal_id": journal.id, "seqs": seqs}
        intakes.append(
            _Intake(
                session=session,
                batch=delivery.batch,
                journal=journal,
                receipt=Receipt(journal.head_seq),
                version=version,
                now=delivery.now,
                used_ids=used_ids,
                known={
                    row.seq: row.line for row in (connection.execute(_KNOWN, where) if seqs else ())
                },
                refused={
                    (row.seq, row.line): EventError(row.code, row.detail)
                    for row in (connection.execute(_REFUSED, where) if seqs else ())
                },
            )
        )
    return intakes


def _used_ids(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    ids = [line.event.id for each in deliveries for line in each.lines if line.event is not None]
    return set(connection.scalars(_USED_IDS, {"ids": ids})) if ids else set()


_USED_IDS = select(_EVENTS.c.event_id).where(one_of(_EVENTS.c.event_id, "ids"))
_KNOWN = select(_EVENTS.c.seq, _EVENTS.c.line).where(
    _EVENTS.c.journal_id == bindparam("journal_id"),
    one_of_numbers(_EVENTS.c.seq, "seqs"),
)
_REFUSED = select(_QUARANTINE).where(
    _QUARANTINE.c.journal_id == bindparam("journal_id"),
    one_of_numbers(_QUARANTINE.c.seq, "seqs"),
)


def _take_line(intake: _Intake, line: Line) -> bool:
    """Take one line in; False when the batch cannot go on after it."""
    expected = intake.journal.head_seq + 1
    seq = expected if line.seq is None else line.seq
    if seq < expected:
        _see_again(intake, line, seq)
    elif seq == expected:
        _take_next(intake, line, seq)
    else:
        intake.receipt.gap = {"expected_seq": expected, "got_seq": seq}
        return False
    return True


def _see_again(intake: _Intake, line: Line, seq: int) -> None:
    """A sequence that is known: the same line again, or a journal that was set back."""
    if intake.known.get(seq) == line.raw:
        event_id = None if line.event is None else line.event.id
        intake.receipt.verdict(seq, event_id, sync.DUPLICATE, "duplicate", "known already")
        return
    fault = intake.refused.get((seq, line.raw))
    if fault is None:
        fault = line.fault or EventError(sync.FORKED, "another event has this sequence")
        log.error("journal_forked", journal=intake.journal.id, seq=seq)
        _quarantine(intake, line, seq, fault)
    intake.receipt.verdict(seq, None, sync.REFUSED, fault.code, fault.detail)


def _take_next(intake: _Intake, line: Line, seq: int) -> None:
    """The next sequence is acknowledged whatever the line holds: an event, or one for a person."""
    journal = intake.journal
    if line.prev is not None and journal.head_hash not in (None, line.prev):
        intake.receipt.chain_broken_at = seq
        journal.broken_at_seq = journal.broken_at_seq or seq
        log.error("chain_broken", journal=journal.id, seq=seq)
    journal.head_seq, journal.head_hash = seq, line.digest
    fault = line.fault or _misplaced(intake, line.event)
    if fault is not None:
        _quarantine(intake, line, seq, fault)
        intake.receipt.verdict(seq, None, sync.REFUSED, fault.code, fault.detail)
    elif line.event is not None:
        intake.used_ids.add(line.event.id)
        intake.known[seq] = line.raw
        intake.rows.append(_row(intake, line.event, line.raw))


def _misplaced(intake: _Intake, event: Event | None) -> EventError | None:
    if event is None or event.place_id not in (None, intake.batch.place_id):
        return EventError("wrong_place", "place_id: not the place of this station")
    if event.id in intake.used_ids:
        return EventError("id_used", "id: another event has it")
    return None


def _quarantine(intake: _Intake, line: Line, seq: int, fault: EventError) -> None:
    """Keep the line raw for a person."""
    intake.refused[seq, line.raw] = fault
    intake.session.add(
        QuarantineRow(
            id=uuid7(intake.now),
            journal_id=intake.journal.id,
            seq=seq,
            code=fault.code,
            detail=fault.detail,
            received_at=intake.now,
            line=line.raw,
        )
    )
    log.warning("event_refused", journal=intake.journal.id, seq=seq, code=fault.code)


def _row(intake: _Intake, event: Event, line: bytes) -> Recorded:
    batch, now = intake.batch, intake.now
    at, source = event_times.time_of(event, batch.boot_id, batch.mono_ns, now)
    return Recorded(
        event=event,
        line=line,
        journal_id=intake.journal.id,
        seq=event.seq,
        event_id=event.id,
        type=event.type,
        visit_id=event.visit_id,
        tag_id=tags.tag_of(event),
        place_id=event.place_id,
        actor=event.actor,
        at=at,
        time_source=source,
        received_at=now,
        position=intake.version,
    )


def _apply(
    session: Session,
    config: Config,
    key: MasterKey,
    intakes: Sequence[_Intake],
    version: int,
) -> None:
    """What follows from the new events, in the same transaction."""
    rows = [row for intake in intakes for row in intake.rows]
    records = [record for intake in intakes for record in intake.batch.guests]
    now = max(intake.now for intake in intakes)
    if not rows:
        guests.take_in(session, key, records, (), now)
        return
    session.flush()
    connection = session.connection()
    moved = _settle_times(connection, intakes, version)
    touched = dict.fromkeys(row.visit_id for row in (*moved, *rows) if row.visit_id is not None)
    appending = recorded.appending(connection, rows)
    refolded = visits.refold(session, touched, version, _facts(rows), appending)
    shifts.note(session, [*moved, *rows], version)
    tags.note(session, [*moved, *rows], version)
    photos.note(session, rows)
    begun = [change.visit for change in refolded.changes if change.is_new]
    guests.take_in(session, key, records, begun, now)
    follow_up.after(session, config, key, refolded.changes, now)
    card_proofs.note(session, config, key, rows, refolded.changes, now)
    for intake in intakes:
        _say_held(intake, refolded.held)
    if any(intake.rows and not intake.batch.has_more for intake in intakes):
        replan(session, config, version, now)


def _settle_times(
    connection: Connection, intakes: Sequence[_Intake], version: int
) -> list[Recorded]:
    """Date the new events; the earlier ones that have another time by that."""
    moved = []
    for intake in intakes:
        if intake.rows:
            source = intake.journal.last_source
            moved += event_times.settle_with_earlier(connection, intake.rows, source, version)
    return moved


def _say_held(intake: _Intake, held: Mapping[str, str]) -> None:
    if not held:
        return
    for row in intake.rows:
        reason = held.get(row.event_id)
        if reason is not None:
            intake.receipt.verdict(row.seq, row.event_id, sync.HELD, reason, "a person decides")


def _facts(rows: Sequence[Recorded]) -> visits.Facts:
    facts: dict[str, list[Fact]] = {}
    for row in rows:
        if row.visit_id is not None:
            facts.setdefault(row.visit_id, []).append(Fact(row.journal_id, row.event, row.at))
    return facts
