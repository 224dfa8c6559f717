"""The time that is not charged because the driver had asked for the car, though nobody came: from
the request until the car was taken back to the lot. So our own delay costs nothing then either."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import states
from server.models import MoveRow, RequestRow, VisitRow
from server.requests import is_missed


def paused(session: Session, visit: VisitRow) -> timedelta:
    """All such time of a visit."""
    drives = session.scalars(
        select(MoveRow).where(
            MoveRow.visit_id == visit.id,
            MoveRow.kind == states.PARK,
            MoveRow.taken_at.is_not(None),
        )
    ).all()
    if not drives:
        return timedelta()
    asked = session.scalars(select(RequestRow).where(RequestRow.visit_id == visit.id)).all()
    missing_now = is_missed(session, visit)
    return sum((_pause(request, drives, missing_now=missing_now) for request in asked), timedelta())


def _pause(request: RequestRow, drives: Sequence[MoveRow], *, missing_now: bool) -> timedelta:
    """A request that nobody came for is closed by the end of the drive back to the lot."""
    due = request.wanted_at or request.made_at
    for drive in drives:
        # Still under way, it has closed nothing yet.
        is_its_end = request.closed_at == drive.done_at and (missing_now or drive.done_at)
        if is_its_end and drive.taken_at is not None and request.made_at <= drive.taken_at:
            return max(drive.taken_at - due, timedelta())
    return timedelta()
