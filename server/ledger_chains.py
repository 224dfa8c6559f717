"""Checking every journal line by line: each line's hash, what it follows, and its row."""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from schemas.chain import ChainError, genesis, unseal
from server.ledger_finding import CHAIN, JOURNAL, LINE, MISSING, ROW, Finding
from server.models import DaySpanRow, EventRow, JournalRow, QuarantineRow, StationRow

_ROWS_AT_ONCE = 1000
# What the columns of an event repeat of its line.
_REPEATED = ("id", "type", "visit_id", "place_id", "actor")
_COLUMNS = (
    EventRow.event_id,
    EventRow.type,
    EventRow.visit_id,
    EventRow.place_id,
    EventRow.actor,
)
_WORDS = {
    "not_sealed": "the line is not sealed: it was changed",
    "bad_hash": "the line's hash does not hold: it was changed",
    "not_json": "the line cannot be read",
}


@dataclass(slots=True)
class Tally:
    """How much was looked at."""

    journals: int = 0
    lines: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class _Stored:
    """A line as it is stored; `columns` is None for a refused one."""

    seq: int
    line: bytes
    columns: tuple[str | None, ...] | None


@dataclass(slots=True)
class _Walk:
    """The way along one journal. `links`: what the next line may name as the one before; None
    where nobody can say."""

    journal: JournalRow
    name: str
    days: _Days
    links: set[str] | None
    seq: int = 0

    def finding(self, kind: str, words: str, seq: int | None = None) -> Finding:
        """What was found in this journal."""
        day = None if seq is None else self.days.of(seq)
        return Finding(kind, words, self.name, seq, day)


class _Days:
    """Which day closed a sequence of one journal."""

    def __init__(self, session: Session, journal_id: str) -> None:
        spans = session.execute(
            select(DaySpanRow.last_seq, DaySpanRow.first_seq, DaySpanRow.date)
            .where(DaySpanRow.journal_id == journal_id)
            .order_by(DaySpanRow.last_seq)
        )
        self._spans = list(spans)

    def of(self, seq: int) -> str | None:
        """The day's date, or None while it is open."""
        at = bisect.bisect_left(self._spans, seq, key=lambda span: span[0])
        if at == len(self._spans) or self._spans[at][1] > seq:
            return None
        return self._spans[at][2]


def check_chains(session: Session, tally: Tally) -> Iterator[Finding]:
    """What is wrong with the journals, read a thousand lines at a time."""
    stations = set(session.scalars(select(StationRow.id)))
    journals = sorted(session.scalars(select(JournalRow)).all(), key=lambda row: row.id)
    if sum(journal.station_id is None for journal in journals) > 1:
        yield Finding(JOURNAL, "the cloud has more than one journal of its own")
    for journal in journals:
        tally.journals += 1
        yield from _check_owner(journal, stations)
        yield from _check_journal(session, journal, tally)
    yield from _check_orphans(session, {journal.id for journal in journals})


def name_of(journal_id: str, station_id: str | None) -> str:
    """A journal as a person knows it."""
    return f"{journal_id} ({'the cloud' if station_id is None else station_id})"


def _check_owner(journal: JournalRow, stations: set[str]) -> Iterator[Finding]:
    if journal.station_id is not None and journal.station_id not in stations:
        name = name_of(journal.id, journal.station_id)
        yield Finding(JOURNAL, "belongs to a station that is not known", name)


def _check_orphans(session: Session, known: set[str]) -> Iterator[Finding]:
    """Lines of journals that do not exist, found journal by journal along the index."""
    for table in (EventRow, QuarantineRow):
        journal_id = session.scalar(select(func.min(table.journal_id)))
        while journal_id is not None:
            if journal_id not in known:
                yield Finding(JOURNAL, "there are lines of it, but no such journal", journal_id)
            after = select(func.min(table.journal_id)).where(table.journal_id > journal_id)
            journal_id = session.scalar(after)


def _check_journal(session: Session, journal: JournalRow, tally: Tally) -> Iterator[Finding]:
    walk = _Walk(
        journal=journal,
        name=name_of(journal.id, journal.station_id),
        days=_Days(session, journal.id),
        links={genesis(journal.id)},
    )
    stored = heapq.merge(
        _events(session, journal.id), _refused(session, journal.id), key=lambda line: line.seq
    )
    for seq, group in itertools.groupby(stored, key=lambda line: line.seq):
        lines = list(group)
        tally.lines += len(lines)
        if seq > walk.seq + 1:
            yield _gap(walk, walk.seq + 1, seq - 1)
            walk.links = None
        walk.seq = seq
        event = next((line for line in lines if line.columns is not None), None)
        if event is None:
            yield from _check_refused(walk, lines)
        else:
            yield from _check_event(walk, event)
    yield from _check_head(walk)


def _gap(walk: _Walk, first: int, last: int) -> Finding:
    words = "is missing" if first == last else f"missing, and all up to event {last}"
    return walk.finding(MISSING, words, first)


def _check_event(walk: _Walk, stored: _Stored) -> Iterator[Finding]:
    try:
        body, digest = unseal(stored.line)
    except ChainError as error:
        yield walk.finding(LINE, _WORDS[error.code], stored.seq)
        walk.links = None
        return
    if body.get("seq") != stored.seq:
        yield walk.finding(ROW, f"its line says that it is event {body.get('seq')}", stored.seq)
    elif walk.links is not None and body.get("prev") not in walk.links:
        yield walk.finding(CHAIN, "does not follow the event before it", stored.seq)
    for name, column in zip(_REPEATED, stored.columns or (), strict=False):
        if body.get(name) != column:
            yield walk.finding(ROW, f"its row says another {name} than its line", stored.seq)
    walk.links = {digest}


def _check_refused(walk: _Walk, lines: list[_Stored]) -> Iterator[Finding]:
    """A sequence without an event: one of the lines refused there holds its place. Where one
    cannot be read, nobody can say what follows it; that was known when it came."""
    read = [_unsealed(stored.line) for stored in lines]
    legible = [each for each in read if each is not None]
    if len(legible) < len(read):
        walk.links = None
        return
    if walk.links is not None and not any(
        "prev" not in body or body["prev"] in walk.links for body, _ in legible
    ):
        yield walk.finding(CHAIN, "does not follow the event before it", walk.seq)
    walk.links = {digest for _, digest in legible}


def _unsealed(line: bytes) -> tuple[dict[str, Any], str] | None:
    try:
        return unseal(line)
    except ChainError:
        return None


def _check_head(walk: _Walk) -> Iterator[Finding]:
    head = walk.journal.head_seq
    if walk.seq < head:
        yield _gap(walk, walk.seq + 1, head)
    elif walk.seq > head:
        yield walk.finding(JOURNAL, f"has lines beyond its last event {head}", walk.seq)
    elif walk.links is not None and walk.journal.head_hash not in (None, *walk.links):
        yield walk.finding(JOURNAL, "its noted head is not its last event", head)


def _events(session: Session, journal_id: str) -> Iterator[_Stored]:
    after = -(2**62)
    while True:
        rows = session.execute(
            select(EventRow.seq, EventRow.line, *_COLUMNS)
            .where(EventRow.journal_id == journal_id, EventRow.seq > after)
            .order_by(EventRow.seq)
            .limit(_ROWS_AT_ONCE)
        ).all()
        for seq, line, *columns in rows:
            yield _Stored(seq, line, tuple(columns))
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1][0]


def _refused(session: Session, journal_id: str) -> Iterator[_Stored]:
    after = (-(2**62), "")
    key = tuple_(QuarantineRow.seq, QuarantineRow.id)
    while True:
        rows = session.execute(
            select(QuarantineRow.seq, QuarantineRow.id, QuarantineRow.line)
            .where(QuarantineRow.journal_id == journal_id, key > after)
            .order_by(QuarantineRow.seq, QuarantineRow.id)
            .limit(_ROWS_AT_ONCE)
        ).all()
        for seq, _, line in rows:
            yield _Stored(seq, line, None)
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = (rows[-1][0], rows[-1][1])
