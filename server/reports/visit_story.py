"""One visit from its first event to its last: what a manager reads when somebody complains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import states
from server import guests, visits
from server.dispatch.plan import WHYS
from server.models import MoveRow, PersonRow, PromiseRow, RequestRow, VisitRow
from server.reports.card_alarms import CardLine, cards_of
from server.reports.fact_lines import FactLine, fact_lines
from server.reports.message_lines import MessageLine, messages_of


@dataclass(frozen=True, slots=True)
class MoveLine:
    """One drive, done, under way or planned; `runner` is a name, `why` a code of
    `server.dispatch.plan` about the place `why_place_id`, None where it was not by plan."""

    ordinal: int
    kind: str
    state: str
    from_place_id: str
    to_place_id: str | None
    taken_at: datetime | None
    done_at: datetime | None
    runner: str | None
    planned_start_at: datetime | None
    planned_done_at: datetime | None
    why: str | None
    why_place_id: str | None


@dataclass(frozen=True, slots=True)
class VisitStory:
    """A visit and all that belongs to it. `odd`: the reasons of events that do not fit.

    `key_holder`: the name of the person who has the key, if a person has it. `has_other_guest`:
    a guest record was set apart, because its event names another one.
    """

    visit: VisitRow
    key_holder: str | None
    odd: dict[str, str]
    facts: Sequence[FactLine]
    moves: Sequence[MoveLine]
    requests: Sequence[RequestRow]
    promises: Sequence[PromiseRow]
    messages: Sequence[MessageLine]
    cards: Sequence[CardLine]
    has_other_guest: bool


def visit_story(session: Session, visit_id: str) -> VisitStory:
    """The story of a visit, or `Refusal("unknown_visit")`."""
    visit = visits.get_row(session, visit_id)
    return VisitStory(
        visit=visit,
        key_holder=_key_holder(session, visit),
        odd=dict(visit.conflicts),
        facts=fact_lines(session, [visit_id]).get(visit_id, []),
        moves=_moves(session, visit_id),
        requests=session.scalars(
            select(RequestRow)
            .where(RequestRow.visit_id == visit_id)
            .order_by(RequestRow.made_at, RequestRow.event_id)
        ).all(),
        promises=session.scalars(
            select(PromiseRow)
            .where(PromiseRow.visit_id == visit_id)
            .order_by(PromiseRow.made_at, PromiseRow.id)
        ).all(),
        messages=messages_of(session, visit_id),
        cards=cards_of(session, visit_id),
        has_other_guest=guests.has_other(session, visit_id),
    )


def _key_holder(session: Session, visit: VisitRow) -> str | None:
    if visit.key_holder_kind != states.PERSON or visit.key_holder_id is None:
        return None
    person = session.get(PersonRow, visit.key_holder_id)
    return visit.key_holder_id if person is None else person.name


def _moves(session: Session, visit_id: str) -> list[MoveLine]:
    rows = session.execute(
        select(MoveRow, PersonRow.name)
        .outerjoin(PersonRow, PersonRow.id == MoveRow.runner_id)
        .where(MoveRow.visit_id == visit_id)
        .order_by(MoveRow.ordinal)
    )
    return [
        MoveLine(
            ordinal=row.ordinal,
            kind=row.kind,
            state=row.state,
            from_place_id=row.from_place_id,
            to_place_id=row.to_place_id,
            taken_at=row.taken_at,
            done_at=row.done_at,
            runner=name or row.runner_id,
            planned_start_at=row.planned_start_at,
            planned_done_at=row.planned_done_at,
            why=row.why if row.why in WHYS else None,
            why_place_id=row.why_place_id,
        )
        for row, name in rows
    ]
