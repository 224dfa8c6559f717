"""A delay that staff tell of: the promise moves by so many minutes, with their reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import states
from server import guests, outbox, promises
from server.models import PromiseRow
from server.outbox import Notice
from server.visits import Change

BY_STAFF = "staff_"
"""How the reason of such a promise begins; what follows is of `states.DELAY_REASONS`."""
_OVER = (states.READY, states.HANDED_OVER)


def note(session: Session, changes: Iterable[Change], oldest: datetime, now: datetime) -> None:
    """Move the promise of each open request of which somebody said that it is late, once for
    each time that it was said. Drivers hear of it unless it was said before `oldest`.

    A request to which nothing was promised yet is left to the planner, which looks at the
    district as it is.
    """
    late = {
        change.visit.request.event_id: change.visit
        for change in changes
        if change.visit.delay and change.visit.request and change.visit.car not in _OVER
    }
    if not late:
        return
    said = [visit.delay.event_id for visit in late.values() if visit.delay]
    known = set(session.scalars(select(PromiseRow.id).where(PromiseRow.id.in_(said))))
    notices = []
    for request_id, told in promises.current(session, list(late)).items():
        delay = late[request_id].delay
        if delay is None or delay.event_id in known:
            continue
        longer = timedelta(minutes=delay.minutes)
        session.add(
            PromiseRow(
                # The event's own name: told again, it moves nothing again.
                id=delay.event_id,
                visit_id=told.visit_id,
                request_id=request_id,
                booth_id=told.booth_id,
                ready_from=told.ready_from + longer,
                ready_by=told.ready_by + longer,
                made_at=now,
                reason=f"{BY_STAFF}{delay.reason}",
            )
        )
        if delay.at >= oldest:
            notices.append((late[request_id], f"staff.{delay.event_id}"))
    reached = guests.with_phone(session, {visit.guest_ref for visit, _ in notices})
    outbox.enqueue(
        session,
        [
            Notice(visit.id, outbox.DELAYED, visit.language, cause)
            for visit, cause in notices
            if visit.guest_ref in reached
        ],
        now,
    )
