"""Promises: the window in which a requested car will be ready, and every change of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ScalarSelect, select
from sqlalchemy import Table as SQLTable
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from server.bulk import table_of
from server.config import Config
from server.models import PromiseRow, RequestRow

_PROMISES = table_of(PromiseRow)
_NEWEST_FIRST = _PROMISES.c.made_at.desc(), _PROMISES.c.id.desc()

FIRST = "first"
LATE = "late"


def window(config: Config, now: datetime, estimate: datetime) -> tuple[datetime, datetime]:
    """From the planner's estimate to the window that is told: never earlier than the
    estimate, wider the farther it is away, in whole minutes."""
    ahead = max(estimate - now, timedelta())
    slack = ahead * config.promise_slack_percent / 100 + timedelta(seconds=config.promise_slack_s)
    return _up_to_minute(estimate), _up_to_minute(estimate + slack)


def current(session: Session, request_ids: Collection[str]) -> dict[str, PromiseRow]:
    """The promise that counts for each of these requests: the newest."""
    if not request_ids:
        return {}
    # Promises are found by their visits: there is an index for that.
    of_visits = select(RequestRow.visit_id).where(RequestRow.event_id.in_(request_ids))
    rows = session.scalars(
        select(PromiseRow)
        .where(PromiseRow.visit_id.in_(of_visits), PromiseRow.request_id.in_(request_ids))
        .order_by(PromiseRow.made_at, PromiseRow.id)
    )
    return {row.request_id: row for row in rows}


def told_by(requests: SQLTable) -> ScalarSelect[datetime | None]:
    """SQL: until when the car was promised at last to the request of the row at hand."""
    of_request = (_PROMISES.c.visit_id == requests.c.visit_id) & (
        _PROMISES.c.request_id == requests.c.event_id
    )
    newest = select(_PROMISES.c.ready_by).where(of_request).order_by(*_NEWEST_FIRST).limit(1)
    return newest.correlate(requests).scalar_subquery()


class Asked(Protocol):
    """A request, as far as a promise needs it."""

    @property
    def event_id(self) -> str:
        """Its name."""

    @property
    def visit_id(self) -> str:
        """Whose car."""

    @property
    def booth_id(self) -> str:
        """Where it is wanted."""


def keep_or_move(
    session: Session,
    config: Config,
    request: Asked,
    told_by: datetime | None,
    estimate: datetime,
    now: datetime,
) -> PromiseRow | None:
    """Make the first promise, or a later one when the one that was told (`told_by`: its end)
    cannot hold; None if it stands.

    A promise is not moved for a gain: drivers plan with it.
    """
    if told_by is None:
        return _make(session, config, request, estimate, now, FIRST)
    if estimate > told_by + timedelta(seconds=config.promise_move_s):
        return _make(session, config, request, estimate, now, LATE)
    return None


def _make(
    session: Session,
    config: Config,
    request: Asked,
    estimate: datetime,
    now: datetime,
    reason: str,
) -> PromiseRow:
    ready_from, ready_by = window(config, now, estimate)
    promise = PromiseRow(
        id=uuid7(now),
        visit_id=request.visit_id,
        request_id=request.event_id,
        booth_id=request.booth_id,
        ready_from=ready_from,
        ready_by=ready_by,
        made_at=now,
        reason=reason,
    )
    session.add(promise)
    return promise


def _up_to_minute(at: datetime) -> datetime:
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(minutes=1)
