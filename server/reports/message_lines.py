"""Text messages as a manager sees them: never with a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.models import MessageRow, VisitRow
from server.outbox import UNKNOWN


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message; `status` and `template` are those of `server.outbox`, the rest as in
    `MessageRow`."""

    id: str
    visit_id: str
    visit_code: str
    template: str
    status: str
    tries: int
    parts: int | None
    fault: str | None
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    cost_micros: int | None


def unknown_messages(session: Session, limit: int) -> Sequence[MessageLine]:
    """Those of which nobody can say whether they went out: a person decides, the `limit` newest
    first. Older ones follow as these are decided."""
    newest = _statement().order_by(None)
    newest = newest.order_by(MessageRow.created_at.desc(), MessageRow.id.desc()).limit(limit)
    return _lines(session, newest.where(MessageRow.status == UNKNOWN))


def count_unknown(session: Session) -> int:
    """How many there are of these."""
    return session.scalar(select(func.count()).where(MessageRow.status == UNKNOWN)) or 0


def messages_of(session: Session, visit_id: str) -> Sequence[MessageLine]:
    """All messages of a visit in the order in which they were caused."""
    return _lines(session, _statement().where(MessageRow.visit_id == visit_id))


def _statement() -> Select[MessageRow, str]:
    return (
        select(MessageRow, VisitRow.code)
        .join(VisitRow, VisitRow.id == MessageRow.visit_id)
        .order_by(MessageRow.created_at, MessageRow.id)
    )


def _lines(session: Session, statement: Select[MessageRow, str]) -> list[MessageLine]:
    return [
        MessageLine(
            id=row.id,
            visit_id=row.visit_id,
            visit_code=code,
            template=row.template,
            status=row.status,
            tries=row.tries,
            parts=row.parts,
            fault=row.fault,
            created_at=row.created_at,
            sent_at=row.sent_at,
            settled_at=row.settled_at,
            cost_micros=row.cost_micros,
        )
        for row, code in session.execute(statement)
    ]
