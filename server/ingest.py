"""Taking in what a station recorded: once each, in order, never thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from schemas import sync
from schemas.chain import genesis
from schemas.events import Event, EventError
from schemas.guest import Guest
from schemas.ids import uuid7
from schemas.problems import Refusal
from server import card_proofs, follow_up, guests, shifts, tags, visits
from server.config import Config
from server.dispatch.replan import replan
from server.district import next_version
from server.lines import Line, read_lines
from server.master_key import MasterKey
from server.models import EventRow, JournalRow, QuarantineRow, StationRow

log = structlog.get_logger()

TIME_RECEIVED = "received"
"""Nobody knows when the event was: only that it was before it came."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One sync request, parsed: who sends, from which boot, and the lines as they came.

    `first_seq` is where the sender says that the lines begin, if it says so.
    """

    station_id: str
    place_id: str
    journal_id: str
    boot_id: str
    mono_ns: int
    guests: Sequence[Guest]
    lines: Sequence[bytes]
    first_seq: int | None = None


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
    faults of the lines that were refused there.
    """

    session: Session
    batch: Batch
    journal: JournalRow
    receipt: Receipt
    version: int
    now: datetime
    used_ids: set[str]
    known: dict[int, bytes]
    refused: dict[tuple[int, bytes], EventError]
    rows: list[EventRow] = field(default_factory=list)


def ingest(
    session: Session, config: Config, key: MasterKey, batch: Batch, now: datetime
) -> Receipt:
    """Take in a batch in the caller's transaction and apply it to visits, moves and messages.

    1. The district's version and the journal's row are taken, in this order, by everyone.
    2. Each line is read alone: a bad one is quarantined and its sequence acknowledged.
    3. Sequence decides: known ones are duplicates, a jump ahead is a gap and ends the batch.
    4. The visits that the new events touch are folded anew, and moves, promises and messages
       follow in the same transaction.
    """
    version = next_version(session)
    lines = read_lines(batch.lines, batch.first_seq)
    intake = _begin(session, batch, lines, version, now)
    guests.store(session, key, batch.guests, now)
    for line in lines:
        if not _take_line(intake, line):
            break
    _write(intake)
    intake.receipt.ack_seq = intake.journal.head_seq
    _apply(intake, config, key)
    return intake.receipt


def _begin(
    session: Session, batch: Batch, lines: Sequence[Line], version: int, now: datetime
) -> _Intake:
    journal = _journal(session, batch)
    seqs = [line.seq for line in lines if line.seq is not None and line.seq <= journal.head_seq]
    ids = [line.event.id for line in lines if line.event is not None]
    known = select(EventRow.seq, EventRow.line).where(
        EventRow.journal_id == batch.journal_id, EventRow.seq.in_(seqs)
    )
    refused = select(QuarantineRow).where(
        QuarantineRow.journal_id == batch.journal_id, QuarantineRow.seq.in_(seqs)
    )
    return _Intake(
        session=session,
        batch=batch,
        journal=journal,
        receipt=Receipt(journal.head_seq),
        version=version,
        now=now,
        used_ids=set(session.scalars(select(EventRow.event_id).where(EventRow.event_id.in_(ids)))),
        known=dict(session.execute(known).all()) if seqs else {},
        refused={
            (row.seq, row.line): EventError(row.code, row.detail)
            for row in (session.scalars(refused) if seqs else ())
        },
    )


def _journal(session: Session, batch: Batch) -> JournalRow:
    journal = session.get(JournalRow, batch.journal_id, with_for_update=True)
    if journal is None:
        journal = JournalRow(
            id=batch.journal_id,
            station_id=batch.station_id,
            head_seq=0,
            head_hash=genesis(batch.journal_id),
            broken_at_seq=None,
        )
        session.add(journal)
    elif journal.station_id != batch.station_id:
        raise Refusal("bad_header", detail="journal_id: belongs to another station")
    return journal


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
        fault = line.fault or EventError("forked", "another event has this sequence")
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


def _row(intake: _Intake, event: Event, line: bytes) -> EventRow:
    at, source = _time_of(intake, event)
    return EventRow(
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
        received_at=intake.now,
        position=intake.version,
        line=line,
    )


def _time_of(intake: _Intake, event: Event) -> tuple[datetime, str]:
    """The best time known for an event: its own clock if that was set, else counted back from
    now within the same boot, else the time of receipt."""
    if event.wall_synced:
        return event.wall, "wall"
    if event.boot_id == intake.batch.boot_id and event.mono_ns <= intake.batch.mono_ns:
        ago_us = (intake.batch.mono_ns - event.mono_ns) // 1000
        return intake.now - timedelta(microseconds=ago_us), "anchored"
    return intake.now, TIME_RECEIVED


def _write(intake: _Intake) -> None:
    _bound_unknown_times(intake.rows)
    intake.session.flush()
    if intake.rows:
        names = [column.key for column in EventRow.__table__.columns]
        intake.session.execute(
            insert(EventRow), [{name: getattr(row, name) for name in names} for row in intake.rows]
        )


def _bound_unknown_times(rows: Sequence[EventRow]) -> None:
    """An event whose time nobody knows happened before those that its journal has behind it."""
    upto = None
    for row in reversed(rows):
        if row.time_source != TIME_RECEIVED:
            upto = row.at if upto is None else min(upto, row.at)
        elif upto is not None:
            row.at = min(row.at, upto)


def _apply(intake: _Intake, config: Config, key: MasterKey) -> None:
    """What follows from the new events, in the same transaction."""
    session, version, now = intake.session, intake.version, intake.now
    shifts.note(session, intake.rows)
    tags.note(session, intake.rows, version)
    touched = {row.visit_id for row in intake.rows if row.visit_id is not None}
    refolded = visits.refold(session, touched, version)
    follow_up.after(session, config, key, refolded.changes, now)
    card_proofs.note(session, config, key, intake.rows, now)
    for row in intake.rows:
        reason = refolded.held.get(row.event_id)
        if reason is not None:
            intake.receipt.verdict(row.seq, row.event_id, sync.HELD, reason, "a person decides")
    if intake.rows:
        replan(session, config, version, now)


def note_contact(
    session: Session, station_id: str, depth: int, version: str, now: datetime
) -> None:
    """Remember that a station was heard of; contacts are never queued, only the last counts."""
    station = session.get(StationRow, station_id)
    if station is not None:
        station.seen_at, station.depth, station.version = now, depth, version
