"""Who had the car, from event to event, and the evidence that none is missing or was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.chain import ChainError, unseal
from server.models import DaySpanRow, EventRow, PersonRow, TagRow, VisitRow

_BADGE_DIGITS = 4
# What a driver is shown of the chain; the rest is in the record, and counted here. So is what staff
# took back: it never was.
SHOWN = (
    events.VISIT_RECEIVED,
    events.VISIT_PHOTOGRAPHED,
    events.CAR_TAKEN,
    events.CAR_PARKED,
    events.VISIT_REQUESTED,
    events.VISIT_REQUEST_CANCELLED,
    events.CAR_READY,
    events.VISIT_CALLED,
    events.VISIT_UNCLAIMED,
    events.VISIT_RESOLVED,
    events.VISIT_HANDED_OVER,
)


@dataclass(frozen=True, slots=True)
class Link:
    """One event of the chain. `badge`: the number on the badge of who did it, None where nobody's
    badge was needed. `to_place_id`: where a drive goes. `digest`: the hash of its line, None where
    the line does not hold."""

    number: int
    type: str
    at: datetime
    is_sure: bool
    place_id: str | None
    to_place_id: str | None
    badge: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Custody:
    """The chain of one visit. `count`: all its events, also those that are not shown. `is_whole`:
    every line has its hash, follows its neighbour, and no number is missing. `sealed`: how many
    lie under the published root of a day that is over."""

    links: Sequence[Link]
    count: int
    is_whole: bool
    sealed: int


def custody_of(session: Session, visit: VisitRow) -> Custody:
    """Read and check the chain of a visit."""
    rows = session.scalars(select(EventRow).where(EventRow.visit_id == visit.id)).all()
    badges = badges_of(session, {row.actor for row in rows if row.actor is not None})
    read = [(row, *_body(row.line)) for row in rows]
    read.sort(key=lambda one: (_step(one[1]), one[0].journal_id, one[0].seq))
    links = [
        Link(
            number=number,
            type=row.type,
            at=row.at,
            is_sure=row.time_source != "received",
            place_id=row.place_id or _data(body).get("booth_id"),
            to_place_id=_data(body).get("to_place_id"),
            badge=None if row.actor is None else badges.get(row.actor),
            digest=digest,
        )
        for number, (row, body, digest) in enumerate(read, start=1)
    ]
    steps = sorted({0, *(_step(body) for _, body, _ in read)})
    is_whole = (
        all(digest is not None for _, _, digest in read)
        and all(after == before + 1 for before, after in pairwise(steps))
        and _follows(read)
    )
    undone = {
        _data(body).get("event_id") for row, body, _ in read if row.type == events.VISIT_UNDONE
    }
    shown = {
        number
        for number, (row, _, _) in enumerate(read, start=1)
        if row.type in SHOWN and not (row.type in states.UNDOABLE and row.event_id in undone)
    }
    return Custody(
        links=[link for link in links if link.number in shown],
        count=len(links),
        is_whole=is_whole,
        sealed=sum(_is_sealed(session, row) for row in rows),
    )


def badges_of(session: Session, people: set[str]) -> Mapping[str, str]:
    """The number on the badge of each of these people: its label, else the end of its tag."""
    rows = session.execute(
        select(PersonRow.id, PersonRow.badge_tag, TagRow.label)
        .outerjoin(TagRow, TagRow.id == PersonRow.badge_tag)
        .where(PersonRow.id.in_(people), PersonRow.badge_tag.is_not(None))
    )
    return {person: label or str(tag)[-_BADGE_DIGITS:] for person, tag, label in rows}


_Read = tuple[EventRow, Mapping[str, object], str | None]


def _body(line: bytes) -> tuple[Mapping[str, object], str | None]:
    """What a line says and its hash; nothing where it was changed."""
    try:
        return unseal(line)
    except ChainError:
        return {}, None


def _step(body: Mapping[str, object]) -> int:
    step = body.get("step")
    return step if isinstance(step, int) else 0


def _data(body: Mapping[str, object]) -> Mapping[str, str]:
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def _follows(read: Sequence[_Read]) -> bool:
    """Whether events that are neighbours in their journal name each other."""
    ordered = sorted(read, key=lambda one: (one[0].journal_id, one[0].seq))
    return all(
        later_body.get("prev") == digest
        for (row, _, digest), (later, later_body, _) in pairwise(ordered)
        if row.journal_id == later.journal_id and later.seq == row.seq + 1
    )


def _is_sealed(session: Session, row: EventRow) -> bool:
    span = session.scalar(
        select(DaySpanRow.date)
        .where(
            DaySpanRow.journal_id == row.journal_id,
            DaySpanRow.first_seq <= row.seq,
            DaySpanRow.last_seq >= row.seq,
        )
        .limit(1)
    )
    return span is not None
