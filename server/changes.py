"""The record of changes read back, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.models import ChangeRow, PersonRow


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes; what is empty lets all through. `text`: in the subject's name or the
    reason."""

    kind: str = ""
    person_id: str = ""
    text: str = ""
    subject_id: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change, with the values that differ."""

    id: str
    at: datetime
    who: str
    kind: str
    subject: str
    subject_id: str
    action: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def fields(self) -> set[str]:
        """The names of all that differ."""
        return self.before.keys() | self.after.keys()


def changes(
    session: Session, wanted: ChangeFilter, limit: int, before: str = ""
) -> list[ChangeLine]:
    """At most `limit` changes, the newest first; `before`: the last one that was seen."""
    statement = (
        select(ChangeRow, PersonRow.name)
        .outerjoin(PersonRow, PersonRow.id == ChangeRow.person_id)
        .order_by(ChangeRow.id.desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(ChangeRow.id < before)
    if wanted.kind:
        statement = statement.where(ChangeRow.kind == wanted.kind)
    if wanted.person_id:
        statement = statement.where(ChangeRow.person_id == wanted.person_id)
    if wanted.subject_id:
        statement = statement.where(ChangeRow.subject_id == wanted.subject_id)
    if wanted.from_at is not None:
        statement = statement.where(ChangeRow.at >= wanted.from_at)
    if wanted.until_at is not None:
        statement = statement.where(ChangeRow.at < wanted.until_at)
    if wanted.text:
        said = (ChangeRow.subject, ChangeRow.reason, ChangeRow.subject_id)
        statement = statement.where(
            or_(*(column.icontains(wanted.text, autoescape=True) for column in said))
        )
    return [
        ChangeLine(
            id=row.id,
            at=row.at,
            who=row.person_id if name is None else name,
            kind=row.kind,
            subject=row.subject,
            subject_id=row.subject_id,
            action=row.action,
            reason=row.reason,
            before=row.before or {},
            after=row.after or {},
        )
        for row, name in session.execute(statement)
    ]


def changers(session: Session) -> Sequence[PersonRow]:
    """Who has changed anything, by name."""
    made = select(ChangeRow.person_id).distinct()
    return session.scalars(
        select(PersonRow).where(PersonRow.id.in_(made)).order_by(PersonRow.name)
    ).all()
