"""Visits that had one tag at the same time: each is held from the later reception until one closes.

No event of the one tells of the other, so what belongs together is found by their tags. Visits
that began more than two weeks apart are not looked at side by side: a tag is given out every night.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, or_, select

from server.bulk import table_of
from server.models import HeldFigureRow, VisitRow
from server.one_of import one_of

TAG_IN_USE = "tag_in_use"
"""The reason of such a hold."""
_APART = timedelta(days=14)
_VISITS, _HOLDS = table_of(VisitRow), table_of(HeldFigureRow)
_Visit: TypeAlias = Row[*tuple[Any, ...]]
_OWN = select(
    *(_VISITS.c[name] for name in ("id", "key_tag", "claim_tag", "received_at", "handed_over_at"))
)


@dataclass(frozen=True, slots=True)
class Rival:
    """Another visit with one of its tags at the same time."""

    visit_id: str
    received_at: datetime
    handed_over_at: datetime | None


def rivals(connection: Connection, visit_ids: Collection[str]) -> Mapping[str, list[Rival]]:
    """By visit: those who had a tag of it while it had it, in order."""
    own, others = _near(connection, visit_ids)
    return _paired(own, others)


def touched(connection: Connection, visit_ids: Collection[str]) -> set[str]:
    """Other visits whose holds may be others now, because something of these visits changed."""
    own, others = _near(connection, visit_ids)
    ids = [row.id for row in others]
    held = select(_HOLDS.c.visit_id).where(
        one_of(_HOLDS.c.visit_id, "ids"), _HOLDS.c.reason == TAG_IN_USE
    )
    found = set(connection.scalars(held, {"ids": ids})) if ids else set()
    found |= {rival.visit_id for each in _paired(own, others).values() for rival in each}
    return found - set(visit_ids)


def _near(connection: Connection, visit_ids: Collection[str]) -> tuple[list[_Visit], list[_Visit]]:
    """These visits, and all that had one of their tags about then; both hold the former."""
    own = list(connection.execute(_OWN.where(one_of(_VISITS.c.id, "ids")), {"ids": [*visit_ids]}))
    if not own:
        return [], []
    begun = [row.received_at for row in own]
    about = _VISITS.c.received_at.between(min(begun) - _APART, max(begun) + _APART)
    tags = {tag for row in own for tag in (row.key_tag, row.claim_tag) if tag is not None}
    has_one = or_(one_of(_VISITS.c.key_tag, "tags"), one_of(_VISITS.c.claim_tag, "tags"))
    others = connection.execute(_OWN.where(about, has_one), {"tags": [*tags]})
    return own, list(others)


def _paired(own: Iterable[_Visit], others: Iterable[_Visit]) -> dict[str, list[Rival]]:
    by_tag: dict[tuple[str, str], list[_Visit]] = {}
    for row in others:
        for tag in _tags(row):
            by_tag.setdefault(tag, []).append(row)
    found: dict[str, list[Rival]] = {}
    for row in own:
        same = {other.id: other for tag in _tags(row) for other in by_tag.get(tag, ())}
        had_it = [
            Rival(other.id, other.received_at, other.handed_over_at)
            for other in same.values()
            if other.id != row.id and _overlap(row, other)
        ]
        if had_it:
            found[row.id] = sorted(had_it, key=lambda each: (each.received_at, each.visit_id))
    return found


def _tags(row: _Visit) -> list[tuple[str, str]]:
    named = (("key", row.key_tag), ("claim", row.claim_tag))
    return [(kind, tag) for kind, tag in named if tag is not None]


def _overlap(one: _Visit, other: _Visit) -> bool:
    if abs(one.received_at - other.received_at) > _APART:
        return False
    return _is_before_end(one, other) and _is_before_end(other, one)


def _is_before_end(one: _Visit, other: _Visit) -> bool:
    return other.handed_over_at is None or one.received_at < other.handed_over_at
