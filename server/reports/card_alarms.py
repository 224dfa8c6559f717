"""What came of reading the cards: all of a visit's, and those that a person has to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.cards import ALARMING
from server.models import CardReadRow, EventRow, PersonRow, TagRow, VisitRow


@dataclass(frozen=True, slots=True)
class CardLine:
    """One reading: `source` and `verdict` as in `server.cards`; where, when and by whom it was
    told of, for those of a booth. `seen_by` is a name."""

    id: str
    at: datetime
    source: str
    verdict: str
    tag_id: str | None
    tag_label: str | None
    visit_id: str | None
    visit_code: str | None
    place_id: str | None
    actor: str | None
    seen_by: str | None

    @property
    def is_alarming(self) -> bool:
        """Whether a person should look at it."""
        return self.verdict in ALARMING


def card_alarms(session: Session) -> list[CardLine]:
    """Cards that should have proved themselves and did not, oldest first, until somebody has
    looked."""
    waiting = _statement().where(CardReadRow.verdict.in_(ALARMING), CardReadRow.seen_at.is_(None))
    return _lines(session, waiting)


def cards_of(session: Session, visit_id: str) -> list[CardLine]:
    """All readings of one visit's card, in their order."""
    return _lines(session, _statement().where(CardReadRow.visit_id == visit_id))


def see(session: Session, read_id: str, actor: str, now: datetime) -> None:
    """Somebody has looked at a reading and lets it be. Raises `Refusal("wrong_state")` if there
    is nothing to look at (any more)."""
    row = session.scalar(
        update(CardReadRow)
        .where(CardReadRow.id == read_id, CardReadRow.seen_at.is_(None))
        .where(CardReadRow.verdict.in_(ALARMING))
        .values(seen_at=now, seen_by=actor)
        .returning(CardReadRow.id)
    )
    if row is None:
        raise Refusal("wrong_state")


def _statement() -> Select[CardReadRow, str | None, str | None, EventRow | None, str | None]:
    return (
        select(CardReadRow, VisitRow.code, TagRow.label, EventRow, PersonRow.name)
        .outerjoin(VisitRow, VisitRow.id == CardReadRow.visit_id)
        .outerjoin(TagRow, TagRow.id == CardReadRow.tag_id)
        .outerjoin(EventRow, EventRow.event_id == CardReadRow.event_id)
        .outerjoin(PersonRow, PersonRow.id == EventRow.actor)
        .order_by(CardReadRow.at, CardReadRow.id)
    )


def _lines(
    session: Session,
    statement: Select[CardReadRow, str | None, str | None, EventRow | None, str | None],
) -> list[CardLine]:
    found = session.execute(statement).all()
    names = _names(session, [row.seen_by for row, *_ in found if row.seen_by is not None])
    return [
        CardLine(
            id=row.id,
            at=row.at if event is None else event.at,
            source=row.source,
            verdict=row.verdict,
            tag_id=row.tag_id,
            tag_label=label,
            visit_id=row.visit_id,
            visit_code=code,
            place_id=None if event is None else event.place_id,
            actor=None if event is None else name or event.actor,
            seen_by=None if row.seen_by is None else names.get(row.seen_by, row.seen_by),
        )
        for row, code, label, event, name in found
    ]


def _names(session: Session, people: Sequence[str]) -> dict[str, str]:
    rows = session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(people)))
    return {row.id: row.name for row in rows}
