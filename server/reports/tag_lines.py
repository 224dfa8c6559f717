"""The tags of the district: what each is, how it is, where it is now and when it was last seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.models import EventRow, PersonRow, ShiftRow, TagRow, VisitRow

T = TypeVar("T")

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Which tags: empty text stands for all. `text` is part of a label or of an id."""

    kind: str = ""
    status: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class TagLine:
    """One tag. `visit_id`, `visit_code`: the open visit it is in. `seen_at`: the last event of
    a visit it was in, of its own, or of the badge's owner. `enrolled_by` is a name."""

    id: str
    kind: str
    label: str
    status: str
    is_secure: bool
    is_original: bool | None
    person_name: str | None
    visit_id: str | None
    visit_code: str | None
    seen_at: datetime | None
    enrolled_at: datetime | None
    enrolled_by: str | None


def tag_counts(session: Session) -> dict[tuple[str, str], int]:
    """How many tags there are by kind and status."""
    rows = session.execute(
        select(TagRow.kind, TagRow.status, func.count()).group_by(TagRow.kind, TagRow.status)
    )
    return {(kind, status): count for kind, status, count in rows}


def count_tags(session: Session, wanted: TagFilter) -> int:
    """How many tags the filter lets through."""
    chosen = _chosen(select(func.count()).select_from(TagRow), wanted)
    return session.scalar(chosen) or 0


def tag_lines(session: Session, wanted: TagFilter, limit: int | None = None) -> list[TagLine]:
    """The tags by kind and label, at most `limit` of them."""
    ordered = _chosen(select(TagRow), wanted).order_by(TagRow.kind, TagRow.label, TagRow.id)
    rows = session.scalars(ordered.limit(limit)).all()
    return [line for chunk in _chunks(rows) for line in _lines(session, chunk)]


def _chosen(statement: Select[T], wanted: TagFilter) -> Select[T]:
    if wanted.kind:
        statement = statement.where(TagRow.kind == wanted.kind)
    if wanted.status:
        statement = statement.where(TagRow.status == wanted.status)
    if wanted.text:
        text = wanted.text.lower()
        statement = statement.where(
            or_(
                func.lower(TagRow.label).contains(text, autoescape=True),
                func.lower(TagRow.id).contains(text, autoescape=True),
            )
        )
    return statement


def _chunks(rows: Sequence[TagRow]) -> Iterator[Sequence[TagRow]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _lines(session: Session, rows: Sequence[TagRow]) -> list[TagLine]:
    ids = [row.id for row in rows]
    visits = _open_visits(session, ids)
    seen = _seen(session, ids)
    enrolled = _enrolled(session, [row.enrolled_event for row in rows if row.enrolled_event])
    people = _owners(session, ids)
    return [
        TagLine(
            id=row.id,
            kind=row.kind,
            label=row.label,
            status=row.status,
            is_secure=row.is_secure,
            is_original=row.is_original,
            person_name=people.get(row.id),
            visit_id=visits.get(row.id, (None, None))[0],
            visit_code=visits.get(row.id, (None, None))[1],
            seen_at=seen.get(row.id),
            enrolled_at=enrolled.get(row.enrolled_event or "", (None, None))[0],
            enrolled_by=enrolled.get(row.enrolled_event or "", (None, None))[1],
        )
        for row in rows
    ]


def _open_visits(session: Session, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    found = session.execute(
        select(VisitRow.key_tag, VisitRow.claim_tag, VisitRow.id, VisitRow.code)
        .where(VisitRow.is_open, or_(VisitRow.key_tag.in_(ids), VisitRow.claim_tag.in_(ids)))
        .order_by(VisitRow.received_at)
    ).all()
    return {tag: (id_, code) for key, claim, id_, code in found for tag in (key, claim) if tag}


def _seen(session: Session, ids: Collection[str]) -> dict[str, datetime]:
    """The latest of all that names the tag, or is done with it."""
    told: list[tuple[str, datetime]] = []
    own = (
        select(EventRow.tag_id, func.max(EventRow.at))
        .where(EventRow.tag_id.in_(ids))
        .group_by(EventRow.tag_id)
    )
    told += [(tag, at) for tag, at in session.execute(own) if tag is not None]
    for column in (VisitRow.key_tag, VisitRow.claim_tag):
        told += _seen_in_visits(session, column, ids)
    owners = (
        select(PersonRow.badge_tag, ShiftRow.seen_at)
        .join(ShiftRow, ShiftRow.person_id == PersonRow.id)
        .where(PersonRow.badge_tag.in_(ids))
    )
    told += [(tag, at) for tag, at in session.execute(owners) if tag is not None]
    seen: dict[str, datetime] = {}
    for tag, at in told:
        seen[tag] = max(at, seen.get(tag, at))
    return seen


def _seen_in_visits(
    session: Session,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    ids: Collection[str],
) -> list[tuple[str, datetime]]:
    """The last event of the last visit: older ones can tell nothing newer."""
    last = (
        select(column.label("tag"), func.max(VisitRow.received_at).label("received_at"))
        .where(column.in_(ids))
        .group_by(column)
        .subquery()
    )
    rows = session.execute(
        select(last.c.tag, func.max(EventRow.at))
        .join(VisitRow, (column == last.c.tag) & (VisitRow.received_at == last.c.received_at))
        .join(EventRow, EventRow.visit_id == VisitRow.id)
        .group_by(last.c.tag)
    )
    return [(tag, at) for tag, at in rows]


def _enrolled(
    session: Session, event_ids: Collection[str]
) -> Mapping[str, tuple[datetime, str | None]]:
    rows = session.execute(
        select(EventRow.event_id, EventRow.at, EventRow.actor, PersonRow.name)
        .outerjoin(PersonRow, PersonRow.id == EventRow.actor)
        .where(EventRow.event_id.in_(event_ids))
    )
    return {event_id: (at, name or actor) for event_id, at, actor, name in rows}


def _owners(session: Session, ids: Collection[str]) -> dict[str, str]:
    rows = session.execute(
        select(PersonRow.badge_tag, PersonRow.name).where(PersonRow.badge_tag.in_(ids))
    )
    return {tag: name for tag, name in rows if tag is not None}
