"""What became of promises: noted when a car is ready, and what the next windows learn from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.visit import Request, Visit
from server import calibration, promises
from server.bulk import table_of
from server.config import Config
from server.event_times import RECEIVED
from server.models import EventRow, PromiseOutcomeRow, PromiseRow
from server.one_of import one_of
from server.visits import Change

_EVENTS = table_of(EventRow)
_AT_THE_DRIVERS = (states.READY, states.HANDED_OVER)
_S = timedelta(seconds=1)
# When these were ready is not known, or is what a person said afterwards.
_DOUBTED = select(_EVENTS.c.visit_id).where(
    one_of(_EVENTS.c.visit_id, "ids"),
    or_(
        _EVENTS.c.type == events.VISIT_RESOLVED,
        and_(_EVENTS.c.type == events.CAR_READY, _EVENTS.c.time_source == RECEIVED),
    ),
)


def note(session: Session, config: Config, changes: Iterable[Change], now: datetime) -> None:
    """Judge the first promise of each car that is ready since these changes, once.

    Left out: a car that nobody was promised before it was ready, and one of which nobody knows
    when that was.
    """
    ready = {
        change.visit.id: change.visit
        for change in changes
        # A visit that comes whole was promised nothing.
        if not change.is_new
        and change.state_before not in _AT_THE_DRIVERS
        and change.visit.car in _AT_THE_DRIVERS
    }
    asked = {visit_id: _asked(visit) for visit_id, visit in ready.items()}
    wanted = {visit_id: request for visit_id, request in asked.items() if request is not None}
    if not wanted:
        return
    connection = session.connection()
    doubted = set(connection.scalars(_DOUBTED, {"ids": list(wanted)}))
    outcomes = []
    for promise in _judged(session, wanted):
        visit = ready[promise.visit_id]
        assert visit.ready_at is not None
        if promise.made_at < visit.ready_at and visit.id not in doubted:
            request = wanted[visit.id]
            outcomes.append(_outcome(config, promise, request, visit.ready_at))
    _learn(session, config, outcomes, now)


def _asked(visit: Visit) -> Request | None:
    """The request that the ready car answers."""
    last = visit.requests[-1] if visit.requests and visit.ready_at is not None else None
    return last if last is not None and last.status in ("open", "done") else None


def _judged(session: Session, wanted: dict[str, Request]) -> Sequence[PromiseRow]:
    """The first promises of these requests, those that were judged already left out."""
    return session.scalars(
        select(PromiseRow)
        .outerjoin(PromiseOutcomeRow, PromiseOutcomeRow.promise_id == PromiseRow.id)
        .where(
            PromiseRow.visit_id.in_(wanted),
            PromiseRow.request_id.in_([request.event_id for request in wanted.values()]),
            PromiseRow.kind.is_not(None),
            PromiseOutcomeRow.promise_id.is_(None),
        )
    ).all()


def _outcome(
    config: Config, promise: PromiseRow, request: Request, ready_at: datetime
) -> tuple[PromiseOutcomeRow, bool]:
    """The outcome, and whether the promise was kept."""
    assert promise.kind is not None
    assert promise.planned_at is not None
    assert promise.expected_at is not None
    wanted = request.wanted_at
    score = promises.lateness(
        config, promise.made_at, promise.planned_at, wanted, ready_at, promise.kind
    )
    row = PromiseOutcomeRow(
        promise_id=promise.id,
        kind=promise.kind,
        ready_at=ready_at,
        late_s=round((max(ready_at, wanted or ready_at) - promise.expected_at) / _S),
        score_permille=round(score * 1000),
    )
    return row, ready_at <= promise.ready_by


def _learn(
    session: Session,
    config: Config,
    outcomes: Sequence[tuple[PromiseOutcomeRow, bool]],
    now: datetime,
) -> None:
    if not outcomes:
        return
    inorder = sorted(outcomes, key=lambda pair: (pair[0].ready_at, pair[0].promise_id))
    session.add_all(row for row, _ in inorder)
    session.flush()
    for kind in sorted({row.kind for row, _ in inorder}):
        kept = [was_kept for row, was_kept in inorder if row.kind == kind]
        calibration.learn(session, config, kind, kept, now)
