"""Who was shown a driver's record, and on which screen. Drivers read it on their page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from server.bulk import append, table_of
from server.models import GuestLookRow

VISIT_PAGE = "visit_page"
DAY_LIST = "day_list"
API = "api"
SLIP = "slip"
SEARCH = "search"
PHONE = "phone"
OFFICE = "office"
SCREENS = (VISIT_PAGE, DAY_LIST, API, SLIP, SEARCH, PHONE, OFFICE)


def note(
    session: Session, visit_ids: Iterable[str], person_id: str, screen: str, now: datetime
) -> None:
    """Somebody is about to be shown the records of these visits."""
    rows = [
        {
            "id": uuid7(now),
            "visit_id": visit_id,
            "person_id": person_id,
            "screen": screen,
            "at": now,
        }
        for visit_id in visit_ids
    ]
    append(session.connection(), table_of(GuestLookRow), rows)


def looks_at(session: Session, visit_id: str) -> Sequence[GuestLookRow]:
    """The looks at one visit's record, the last one first."""
    return session.scalars(
        select(GuestLookRow)
        .where(GuestLookRow.visit_id == visit_id)
        .order_by(GuestLookRow.at.desc(), GuestLookRow.id.desc())
    ).all()
