"""Who was shown a driver's record: the manager's side of what drivers read on their page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import GuestLookRow, PersonRow


@dataclass(frozen=True, slots=True)
class LookLine:
    """One look: whose (a name, or an id that nobody knows), on which of `guest_looks.SCREENS`."""

    at: datetime
    person: str
    screen: str


def visit_looks(session: Session, visit_id: str) -> Sequence[LookLine]:
    """The looks at one visit's record, the last one first."""
    rows = session.execute(
        select(GuestLookRow.at, GuestLookRow.person_id, PersonRow.name, GuestLookRow.screen)
        .outerjoin(PersonRow, PersonRow.id == GuestLookRow.person_id)
        .where(GuestLookRow.visit_id == visit_id)
        .order_by(GuestLookRow.at.desc(), GuestLookRow.id.desc())
    )
    return [LookLine(at, name or person_id, screen) for at, person_id, name, screen in rows]
