"""Visits that a person has to decide on, each with the two facts that cannot both be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas import events, states
from server.models import VisitRow
from server.reports.fact_lines import FactLine, fact_lines
from server.visit_rows import VISIT_IS_OPEN

TAG_IN_USE = "tag_in_use"
_SAYS_NOTHING_OF_THE_CAR = (events.VISIT_REQUESTED, events.VISIT_REQUEST_CANCELLED)


@dataclass(frozen=True, slots=True)
class Clash:
    """`odd` does not fit `before`, for a reason (a catalog code)."""

    reason: str
    odd: FactLine
    before: FactLine | None


@dataclass(frozen=True, slots=True)
class HeldVisit:
    """An open visit that is held. `car` and `place_id`: what was believed before the clash."""

    id: str
    code: str
    car: str
    place_id: str
    clashes: Sequence[Clash]


def held_visits(session: Session) -> list[HeldVisit]:
    """All of them, the one that waits longest first."""
    found = session.scalars(
        select(VisitRow).where(
            VISIT_IS_OPEN, or_(VisitRow.state == states.HELD, VisitRow.tag_shared)
        )
    )
    # Put in order here: a database may think that going through all visits in order is quicker.
    rows = sorted(found, key=lambda row: (row.received_at, row.id))
    rivals = {row.id: _rivals(row, rows) for row in rows if row.tag_shared}
    facts = fact_lines(session, [row.id for row in rows])
    return [
        HeldVisit(
            id=row.id,
            code=row.code,
            car=row.car,
            place_id=row.place_id,
            clashes=[
                *_clashes(row, facts[row.id]),
                *_tag_clashes(row, rivals.get(row.id, []), facts),
            ],
        )
        for row in rows
    ]


def _rivals(row: VisitRow, held: Sequence[VisitRow]) -> list[VisitRow]:
    """The other visits that claim one of its tags; all who do are held themselves."""
    return [
        other
        for other in held
        if other.id != row.id
        and (
            other.key_tag == row.key_tag
            or (other.claim_tag is not None and other.claim_tag == row.claim_tag)
        )
    ]


def _clashes(row: VisitRow, facts: Sequence[FactLine]) -> list[Clash]:
    reasons = dict(row.conflicts)
    clashes = []
    before: FactLine | None = None
    for fact in facts:
        if fact.event_id in reasons:
            clashes.append(Clash(reasons[fact.event_id], fact, before))
        elif fact.type not in _SAYS_NOTHING_OF_THE_CAR:
            before = fact
    return clashes


def _tag_clashes(
    row: VisitRow, rivals: Sequence[VisitRow], facts: dict[str, list[FactLine]]
) -> list[Clash]:
    own = _reception(facts[row.id])
    return [Clash(TAG_IN_USE, own, _reception(facts[rival.id])) for rival in rivals]


def _reception(facts: Sequence[FactLine]) -> FactLine:
    return next(fact for fact in facts if fact.type == events.VISIT_RECEIVED)
