"""The leaves of a day: which lines the day's root is over, in which order, and their hashes.

Each journal in the order of its id gives the lines that the day closed in the order of their
sequence, one for every sequence: the event's, or the refused line's that stands in its place.
After all journals come the lines that were refused beside a chain (of a journal that was set
back, or damaged on the way). So within a journal two leaves lie as far apart as their sequences.

A leaf's content is what the line is taken for, its journal, its sequence and the line as it
came, the first three ended by a line feed each. A sequence without a line is a leaf too, and
says so: what was missing when the day was closed cannot be supplied later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.merkle import leaf_hash
from server.models import DayRefusalRow, DaySpanRow, EventRow, QuarantineRow

ACCEPTED = "accepted"
REFUSED = "refused"
MISSING = "missing"
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a journal, both ends included, and the place of its first leaf."""

    journal_id: str
    first_seq: int
    last_seq: int
    first_index: int

    @property
    def end_index(self) -> int:
        """The place after its last leaf."""
        return self.first_index + self.last_seq - self.first_seq + 1


@dataclass(frozen=True, slots=True)
class DayLeaves:
    """What a day closed. `in_chain`: the refused lines (quarantine ids) that hold a place in a
    journal; `beside`: those that do not, in their order."""

    spans: Sequence[Span]
    in_chain: Mapping[tuple[str, int], str]
    beside: Sequence[str]

    @property
    def chained(self) -> int:
        """How many leaves the journals give."""
        return self.spans[-1].end_index if self.spans else 0

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return self.chained + len(self.beside)

    def hashes(self, session: Session, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The hashes of the leaves from place `start` up to, not including, `stop`, read anew
        from what is stored."""
        stop = self.count if stop is None else min(stop, self.count)
        for span in self.spans:
            first = span.first_seq + max(0, start - span.first_index)
            last = span.last_seq - max(0, span.end_index - stop)
            for begin in range(first, last + 1, _ROWS_AT_ONCE):
                end = min(begin + _ROWS_AT_ONCE - 1, last)
                yield from self._of_journal(session, span.journal_id, begin, end)
        beside = self.beside[max(0, start - self.chained) : max(0, stop - self.chained)]
        for at in range(0, len(beside), _ROWS_AT_ONCE):
            yield from _of_refused(session, beside[at : at + _ROWS_AT_ONCE])

    def _of_journal(
        self, session: Session, journal_id: str, first: int, last: int
    ) -> Iterator[bytes]:
        rows = session.execute(
            select(EventRow.seq, EventRow.line).where(
                EventRow.journal_id == journal_id, EventRow.seq.between(first, last)
            )
        )
        lines = dict(rows.all())
        vacant = [seq for seq in range(first, last + 1) if seq not in lines]
        ids = {self.in_chain.get((journal_id, seq)): seq for seq in vacant}
        kept = select(QuarantineRow.id, QuarantineRow.line).where(QuarantineRow.id.in_(ids))
        refused = {ids[row_id]: line for row_id, line in session.execute(kept)} if vacant else {}
        for seq in range(first, last + 1):
            if seq in lines:
                yield leaf_of(ACCEPTED, journal_id, seq, lines[seq])
            elif seq in refused:
                yield leaf_of(REFUSED, journal_id, seq, refused[seq])
            else:
                yield leaf_of(MISSING, journal_id, seq, b"")


def leaf_of(kind: str, journal_id: str, seq: int, line: bytes) -> bytes:
    """The hash of the leaf of one line."""
    return leaf_hash(f"{kind}\n{journal_id}\n{seq}\n".encode() + line)


def leaves_of(session: Session, date: str) -> DayLeaves:
    """What the day of this date closed."""
    spans = session.scalars(
        select(DaySpanRow).where(DaySpanRow.date == date).order_by(DaySpanRow.first_index)
    )
    rows = session.scalars(select(DayRefusalRow).where(DayRefusalRow.date == date)).all()
    beside = [row for row in rows if not row.in_chain]
    beside.sort(key=lambda row: (row.journal_id, row.seq, row.quarantine_id))
    return DayLeaves(
        spans=[Span(row.journal_id, row.first_seq, row.last_seq, row.first_index) for row in spans],
        in_chain={(row.journal_id, row.seq): row.quarantine_id for row in rows if row.in_chain},
        beside=[row.quarantine_id for row in beside],
    )


def _of_refused(session: Session, ids: Sequence[str]) -> Iterator[bytes]:
    rows = session.scalars(select(QuarantineRow).where(QuarantineRow.id.in_(ids)))
    found = {row.id: row for row in rows}
    for row_id in ids:
        row = found.get(row_id)
        if row is None:
            yield leaf_of(MISSING, row_id, 0, b"")
        else:
            yield leaf_of(REFUSED, row.journal_id, row.seq, row.line)
