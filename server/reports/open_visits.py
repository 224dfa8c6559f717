"""The cars that the district has, and for how long each has been as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from schemas import states
from server.models import EventRow, PersonRow, PromiseRow, RequestRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN, VISIT_IS_OPEN


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """One open visit. `since`: its last event. `ready_from`, `ready_by`: the promise that
    stands; `first_ready_by`: the end of the first one. `key_holder`: a person's name, if one
    has the key."""

    id: str
    code: str
    state: str
    booth_id: str
    place_id: str
    destination_id: str | None
    since: datetime
    request_booth_id: str | None
    key_holder: str | None
    ready_from: datetime | None
    ready_by: datetime | None
    first_ready_by: datetime | None
    is_late: bool

    def concerns(self, booth_id: str | None) -> bool:
        """Whether a booth has, or is to have, anything to do with it."""
        return booth_id is None or booth_id in (
            self.booth_id,
            self.place_id,
            self.destination_id,
            self.request_booth_id,
        )


def open_visits(session: Session, now: datetime) -> Sequence[OpenVisit]:
    """All open visits: the held first, then the late, then by how long nothing happened."""
    last = (
        select(EventRow.visit_id, func.max(EventRow.at).label("at"))
        .join(VisitRow, VisitRow.id == EventRow.visit_id)
        .where(VISIT_IS_OPEN)
        .group_by(EventRow.visit_id)
        .subquery()
    )
    rows = session.execute(
        select(VisitRow, RequestRow, last.c.at, PersonRow.name)
        .join(last, last.c.visit_id == VisitRow.id)
        .outerjoin(RequestRow, and_(RequestRow.visit_id == VisitRow.id, REQUEST_IS_OPEN))
        .outerjoin(
            PersonRow,
            and_(
                PersonRow.id == VisitRow.key_holder_id,
                VisitRow.key_holder_kind == states.PERSON,
            ),
        )
        .where(VISIT_IS_OPEN)
    )
    promised = _promises(session)
    visits = [
        _open_visit(visit, request, since, holder, promised, now)
        for visit, request, since, holder in rows
    ]
    return sorted(visits, key=_urgency)


def _promises(session: Session) -> dict[str, list[PromiseRow]]:
    rows = session.scalars(
        select(PromiseRow)
        # By the visit, too: by that both have an index.
        .join(
            RequestRow,
            and_(
                RequestRow.visit_id == PromiseRow.visit_id,
                RequestRow.event_id == PromiseRow.request_id,
            ),
        )
        .where(REQUEST_IS_OPEN)
        .order_by(PromiseRow.made_at, PromiseRow.id)
    )
    found: dict[str, list[PromiseRow]] = {}
    for row in rows:
        found.setdefault(row.request_id, []).append(row)
    return found


def _open_visit(
    visit: VisitRow,
    request: RequestRow | None,
    since: datetime,
    holder: str | None,
    promised: dict[str, list[PromiseRow]],
    now: datetime,
) -> OpenVisit:
    promises = [] if request is None else promised.get(request.event_id, [])
    first = promises[0].ready_by if promises else None
    return OpenVisit(
        id=visit.id,
        code=visit.code,
        state=visit.shown_state,
        booth_id=visit.booth_id,
        place_id=visit.place_id,
        destination_id=visit.destination_id,
        since=since,
        request_booth_id=None if request is None else request.booth_id,
        key_holder=holder,
        ready_from=promises[-1].ready_from if promises else None,
        ready_by=promises[-1].ready_by if promises else None,
        first_ready_by=first,
        is_late=visit.car != states.READY and first is not None and first < now,
    )


def _urgency(visit: OpenVisit) -> tuple[bool, bool, datetime, str]:
    return visit.state != states.HELD, not visit.is_late, visit.since, visit.id
