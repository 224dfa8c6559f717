"""Checking the closed days: each root computed anew, its signature, and what it follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.day_leaves import DayLeaves, leaves_of
from server.day_roots import NO_DAY, DayRoot, public_key, read_root
from server.ledger_chains import Tally
from server.ledger_finding import DAY, MISSING, Finding
from server.master_key import MasterKey
from server.merkle import Tree
from server.models import DayRefusalRow, DayRootRow, DaySpanRow, QuarantineRow

_ONE_DAY = timedelta(days=1)


def check_days(
    session: Session, key: MasterKey, published: Sequence[DayRoot], tally: Tally
) -> Iterator[Finding]:
    """What is wrong with the closed days. `published`: a copy of the roots that was taken at
    another time, with which those stored here have to agree."""
    ours = public_key(key)
    closed: dict[str, int] = {}
    before: DayRoot | None = None
    after = ""
    while True:
        row = session.scalar(
            select(DayRootRow).where(DayRootRow.date > after).order_by(DayRootRow.date).limit(1)
        )
        if row is None:
            break
        tally.days += 1
        root = read_root(row)
        yield from _check_place(root, before)
        yield from _check_signature(row, root, ours)
        yield from _check_leaves(session, row, closed)
        session.expunge(row)
        before, after = root, root.date
    yield from _check_refusals(session)
    yield from _check_published(session, published)
    yield from _check_rows_without_day(session)


def _check_place(root: DayRoot, before: DayRoot | None) -> Iterator[Finding]:
    if before is None:
        if root.previous != NO_DAY:
            yield Finding(DAY, "names a day before it, but is the first one here", day=root.date)
        return
    expected = (date.fromisoformat(before.date) + _ONE_DAY).isoformat()
    if root.date != expected:
        yield Finding(MISSING, f"no root, and next is {root.date}", day=expected)
    if root.previous != before.hash():
        yield Finding(DAY, f"does not follow what is stored of {before.date}", day=root.date)


def _check_signature(row: DayRootRow, root: DayRoot, ours: str) -> Iterator[Finding]:
    if row.public_key != ours:
        yield Finding(DAY, "is signed with another key than this cloud's", day=root.date)
    if not root.is_signed(ours):
        yield Finding(DAY, "its signature does not hold", day=root.date)


def _check_leaves(session: Session, row: DayRootRow, closed: dict[str, int]) -> Iterator[Finding]:
    """The lines under the root. `closed`: how far each journal is closed, carried on."""
    leaves = leaves_of(session, row.date)
    yield from _check_spans(row.date, leaves, closed)
    tree = Tree()
    # Never more than what the root is over, however far somebody has stretched a span.
    for hashed in leaves.hashes(session, 0, row.count):
        tree.add(hashed)
    if leaves.count != row.count:
        words = f"closed {row.count} lines, but {leaves.count} are noted"
        yield Finding(DAY, words, day=row.date)
    elif tree.root().hex() != row.root:
        words = "its lines have another root now: one was changed, removed or put in their midst"
        yield Finding(DAY, words, day=row.date)
    elif tree.tiles() != row.tiles:
        yield Finding(DAY, "what its proofs are made of does not fit its root", day=row.date)


def _check_spans(chosen: str, leaves: DayLeaves, closed: dict[str, int]) -> Iterator[Finding]:
    index = 0
    for span in leaves.spans:
        expected = closed.get(span.journal_id, 0) + 1
        if span.first_seq != expected:
            words = f"begins at event {span.first_seq}, but should at {expected}"
            yield Finding(DAY, words, span.journal_id, day=chosen)
        if span.first_index != index:
            words = f"its leaves begin at {span.first_index}, but should at {index}"
            yield Finding(DAY, words, span.journal_id, day=chosen)
        closed[span.journal_id] = span.last_seq
        index = span.end_index


def _check_refusals(session: Session) -> Iterator[Finding]:
    """Refused lines that a day closed, and that are gone."""
    gone = session.execute(
        select(DayRefusalRow.date, DayRefusalRow.journal_id, DayRefusalRow.seq)
        .outerjoin(QuarantineRow, QuarantineRow.id == DayRefusalRow.quarantine_id)
        .where(QuarantineRow.id.is_(None))
        .order_by(DayRefusalRow.date)
    )
    for chosen, journal_id, seq in gone:
        yield Finding(MISSING, "a refused line is no longer there", journal_id, seq, chosen)


def _check_published(session: Session, published: Sequence[DayRoot]) -> Iterator[Finding]:
    for root in published:
        row = session.get(DayRootRow, root.date)
        if row is None:
            yield Finding(MISSING, "was published, and is not here", day=root.date)
        elif read_root(row).statement() != root.statement():
            yield Finding(DAY, "is not what was published", day=root.date)


def _check_rows_without_day(session: Session) -> Iterator[Finding]:
    for table in (DaySpanRow, DayRefusalRow):
        found = session.scalars(
            select(table.date)
            .outerjoin(DayRootRow, DayRootRow.date == table.date)
            .where(DayRootRow.date.is_(None))
            .distinct()
        )
        for chosen in sorted(found):
            yield Finding(MISSING, "has lines, but no root", day=chosen)
