"""Closing the district's days: each with one root over every line that was taken in, signed, and
naming the day before, so that nobody, we included, can change a day later without being seen.

A day closes what had been received when it ended and no earlier day had closed. Where that ends
is kept as a sequence for each journal and not as a time: an event that arrives later, however
old it is, belongs to the day in which it was received, and one whose transaction was under way
at the very end to the next. Every day has a root, also one on which nothing came, so that a root
that is missing shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from schemas import sync
from server.config import Config
from server.day_leaves import DayLeaves, Span
from server.day_roots import NO_DAY, DayRoot, public_key, read_root, signing_key
from server.master_key import MasterKey
from server.merkle import Tree
from server.models import (
    DayRefusalRow,
    DayRootRow,
    DaySpanRow,
    EventRow,
    JournalRow,
    QuarantineRow,
)
from server.reports.day import Day, day_at, day_of, zone_of

log = structlog.get_logger()

# So long after its end a day is closed: what was on its way then is in by then.
GRACE = timedelta(minutes=1)
# One transaction closes no more: a cloud that was off for a year catches up in rounds.
_DAYS_AT_ONCE = 31
_LEAVES_AT_ONCE = 20_000
_IDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _Refused:
    """A refused line that no day has closed, without its bytes."""

    id: str
    journal_id: str
    seq: int
    code: str
    received_at: datetime

    @property
    def claim(self) -> tuple[bool, datetime, str]:
        """Of several lines at one sequence without an event, the least holds its place: what
        is forked came after what it differs from."""
        return self.code == sync.FORKED, self.received_at, self.id


def is_due(session: Session, config: Config, now: datetime) -> bool:
    """Whether a day is over and not closed yet: a cheap question before `close_days`."""
    day = _next_day(session, config)
    return day is not None and now >= day.end + GRACE


def close_days(session: Session, config: Config, key: MasterKey, now: datetime) -> int:
    """Close the days that are over, oldest first, in the caller's transaction; how many.

    Bounded: what is left is for the next call. Two may call it at once: each day is closed by
    one of them.
    """
    closed = leaves = 0
    while closed < _DAYS_AT_ONCE and leaves < _LEAVES_AT_ONCE:
        day = _next_day(session, config)
        if day is None or now < day.end + GRACE:
            break
        count = _close(session, day, key, now)
        if count is None:
            break
        closed, leaves = closed + 1, leaves + count
    return closed


def _next_day(session: Session, config: Config) -> Day | None:
    """The day after the last closed one, or that of the first line that ever came."""
    zone, starts_hour = zone_of(session), config.day_starts_hour
    last = session.scalar(select(func.max(DayRootRow.date)))
    if last is not None:
        return day_of(date.fromisoformat(last) + timedelta(days=1), zone, starts_hour)
    first = _first_receipt(session)
    return None if first is None else day_at(first, zone, starts_hour)


def _first_receipt(session: Session) -> datetime | None:
    times = [
        session.scalar(
            select(EventRow.received_at)
            .where(EventRow.journal_id == journal_id)
            .order_by(EventRow.seq)
            .limit(1)
        )
        for journal_id in session.scalars(select(JournalRow.id)).all()
    ]
    times.append(session.scalar(select(func.min(QuarantineRow.received_at))))
    return min((each for each in times if each is not None), default=None)


def _close(session: Session, day: Day, key: MasterKey, now: datetime) -> int | None:
    """Close one day; how many leaves it has, or None if somebody else was quicker."""
    # First the heads: what is refused up to them is among those that wait, whoever writes now.
    heads = dict(session.execute(select(JournalRow.id, JournalRow.head_seq)).all())
    waiting = _waiting(session)
    leaves = _gather(session, day, heads, waiting)
    tree = Tree()
    for hashed in leaves.hashes(session):
        tree.add(hashed)
    unsigned = DayRoot(
        date=day.date.isoformat(),
        count=tree.count,
        root=tree.root().hex(),
        previous=_hash_before(session),
        closed_at=now.astimezone(UTC).replace(microsecond=0),
        signature="",
    )
    if not _insert(session, unsigned, tree, key):
        return None
    for span in leaves.spans:
        session.add(
            DaySpanRow(
                date=unsigned.date,
                journal_id=span.journal_id,
                first_seq=span.first_seq,
                last_seq=span.last_seq,
                first_index=span.first_index,
            )
        )
    _note_refused(session, unsigned.date, leaves, waiting)
    session.flush()
    log.info("day_closed", date=unsigned.date, lines=tree.count, root=unsigned.root)
    return tree.count


def _hash_before(session: Session) -> str:
    last = session.scalar(select(DayRootRow).order_by(DayRootRow.date.desc()).limit(1))
    return NO_DAY if last is None else read_root(last).hash()


def _insert(session: Session, unsigned: DayRoot, tree: Tree, key: MasterKey) -> bool:
    """Write the root unless the day has one by now; waits for whoever is writing it."""
    values = {
        "date": unsigned.date,
        "count": unsigned.count,
        "root": unsigned.root,
        "previous": unsigned.previous,
        "closed_at": unsigned.closed_at,
        "signature": signing_key(key).sign(unsigned.statement()).hex(),
        "public_key": public_key(key),
        "tiles": tree.tiles(),
    }
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    statement = (
        sqlite_insert(DayRootRow).values(values).on_conflict_do_nothing()
        if is_sqlite
        else postgres_insert(DayRootRow).values(values).on_conflict_do_nothing()
    )
    return session.scalar(statement.returning(DayRootRow.date)) is not None


def _note_refused(
    session: Session, chosen: str, leaves: DayLeaves, waiting: Sequence[_Refused]
) -> None:
    in_chain, beside = set(leaves.in_chain.values()), set(leaves.beside)
    for line in waiting:
        if line.id in in_chain or line.id in beside:
            session.add(
                DayRefusalRow(
                    quarantine_id=line.id,
                    date=chosen,
                    journal_id=line.journal_id,
                    seq=line.seq,
                    in_chain=line.id in in_chain,
                )
            )


def _waiting(session: Session) -> list[_Refused]:
    rows = session.execute(
        select(
            QuarantineRow.id,
            QuarantineRow.journal_id,
            QuarantineRow.seq,
            QuarantineRow.code,
            QuarantineRow.received_at,
        )
        .outerjoin(DayRefusalRow, DayRefusalRow.quarantine_id == QuarantineRow.id)
        .where(DayRefusalRow.quarantine_id.is_(None))
    )
    found = [_Refused(*row) for row in rows]
    return sorted(found, key=lambda line: (line.journal_id, line.seq, line.id))


def _gather(
    session: Session, day: Day, heads: Mapping[str, int], waiting: Sequence[_Refused]
) -> DayLeaves:
    """What this day closes. `heads`: the last sequence of each journal."""
    spans: list[Span] = []
    in_chain: dict[tuple[str, int], str] = {}
    index = 0
    # Sorted here: the order of a database's texts is a matter of its language.
    for journal_id in sorted(heads):
        own = [line for line in waiting if line.journal_id == journal_id]
        first, last = _ends(session, day, journal_id, own)
        last = min(last, heads[journal_id])
        if first <= last:
            span = Span(journal_id, first, last, index)
            index = span.end_index
            spans.append(span)
            in_chain |= _in_chain(session, span, own)
    taken = set(in_chain.values())
    beside = [line.id for line in waiting if line.id not in taken and line.received_at < day.end]
    return DayLeaves(spans, in_chain, beside)


def _ends(
    session: Session, day: Day, journal_id: str, waiting: Sequence[_Refused]
) -> tuple[int, int]:
    """The first sequence of a journal that is in no day yet, and the last that had come before
    the day's end."""
    closed = session.scalar(
        select(func.max(DaySpanRow.last_seq)).where(DaySpanRow.journal_id == journal_id)
    )
    first = 1 + (closed or 0)
    last = session.scalar(
        select(func.max(EventRow.seq)).where(
            EventRow.journal_id == journal_id,
            EventRow.seq >= first,
            EventRow.received_at < day.end,
        )
    )
    refused = [line.seq for line in waiting if line.received_at < day.end]
    return first, max([last or 0, *refused])


def _in_chain(
    session: Session, span: Span, waiting: Sequence[_Refused]
) -> dict[tuple[str, int], str]:
    """The refused lines that stand in a journal where it has no event."""
    within = [line for line in waiting if span.first_seq <= line.seq <= span.last_seq]
    events = _events_at(session, span.journal_id, sorted({line.seq for line in within}))
    found: dict[tuple[str, int], str] = {}
    for line in sorted(within, key=lambda line: line.claim):
        if line.seq not in events:
            found.setdefault((line.journal_id, line.seq), line.id)
    return found


def _events_at(session: Session, journal_id: str, seqs: Sequence[int]) -> Collection[int]:
    found: set[int] = set()
    for at in range(0, len(seqs), _IDS_AT_ONCE):
        found.update(
            session.scalars(
                select(EventRow.seq).where(
                    EventRow.journal_id == journal_id,
                    EventRow.seq.in_(seqs[at : at + _IDS_AT_ONCE]),
                )
            )
        )
    return found
