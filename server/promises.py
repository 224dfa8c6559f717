"""Promises: the window in which a requested car will be ready, and every change of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from sqlalchemy import ScalarSelect, select
from sqlalchemy import Table as SQLTable
from sqlalchemy.orm import Session

from schemas import states
from schemas.ids import uuid7
from server import calibration
from server.bulk import table_of
from server.config import Config
from server.conformal import Level
from server.models import PromiseRow, RequestRow

_PROMISES = table_of(PromiseRow)
_NEWEST_FIRST = _PROMISES.c.made_at.desc(), _PROMISES.c.id.desc()

FIRST = "first"
"""Why a promise was made: the first one for the visit's first request."""
CHANGED = "changed"
"""The first one for a later request: the driver asked for another booth or time."""
LATE = "late"
"""What was told cannot hold."""
CLOSURE = "closure"
"""What was told cannot hold, because of a street or a place that was closed."""
REASONS = (FIRST, CHANGED, LATE, CLOSURE)

SOON = "soon"
"""What is promised: a car that has to be driven and is wanted at once."""
BOOKED = "booked"
"""A car that is wanted at a later time."""
KERB = "kerb"
"""A car that stands where it is wanted."""
RUSH = "rush"
"""As `SOON`, behind at least as many others as there are runners (as the settings have it): what is
planned then is planned anew many times before its turn comes."""
KINDS = (SOON, RUSH, BOOKED, KERB)

KEPT = (states.READY, states.REPARKING)
"""What was promised is kept once the car stands ready, also when nobody came for it."""

_WAITS_SOON = timedelta(minutes=10)


class Window(NamedTuple):
    """What a driver is told: between which times the car will be ready, in whole minutes."""

    ready_from: datetime
    ready_by: datetime


def is_moved(reason: str) -> bool:
    """Whether such a promise took the place of one that could not be kept."""
    return reason not in (FIRST, CHANGED)


def waits(now: datetime, wanted_at: datetime | None) -> bool:
    """Whether a car that is asked for stands in line by now; one that is booked for later does
    not."""
    return wanted_at is None or wanted_at <= now + _WAITS_SOON


def is_rush(config: Config, others: int, runners: int) -> bool:
    """Whether who asks now is in a rush: `others` stand in line already."""
    return runners > 0 and others * 100 >= runners * config.promise_rush_percent


def kind_of(
    now: datetime, estimate: datetime, wanted_at: datetime | None, *, in_rush: bool = False
) -> str:
    """What kind of promise this is: each is learned for itself."""
    if wanted_at is not None and wanted_at > now:
        return BOOKED
    if estimate <= now:
        return KERB
    return RUSH if in_rush else SOON


def slack(
    config: Config, kind: str, now: datetime, estimate: datetime, wanted_at: datetime | None
) -> timedelta:
    """The unit in which lateness is learned, and what is left for it before anything was: some
    time, and a share of the wait, twice as large in a rush. How late a booked car is does not
    depend on how long ago it was booked, so of its wait only what comes after its time counts."""
    since = wanted_at if kind == BOOKED and wanted_at is not None else now
    wait = max(estimate - since, timedelta())
    fixed_s = config.promise_slack_s * (2 if kind == BOOKED else 1)
    percent = config.promise_slack_percent * (2 if kind == RUSH else 1)
    return wait * percent / 100 + timedelta(seconds=max(fixed_s, 1))


def lateness(
    config: Config,
    made_at: datetime,
    planned_at: datetime,
    wanted_at: datetime | None,
    ready_at: datetime,
    kind: str,
) -> float:
    """How late a car was against the plan's own estimate (`planned_at`), in slacks of its kind of
    promise: a score as `server.conformal` has it. Nobody is served earlier than at the time that
    was asked for."""
    late = max(ready_at, wanted_at or ready_at) - planned_at
    return late / slack(config, kind, made_at, planned_at, wanted_at)


def expected(
    config: Config,
    now: datetime,
    estimate: datetime,
    wanted_at: datetime | None = None,
    level: Level | None = None,
    *,
    in_rush: bool = False,
) -> datetime:
    """When the car will be ready on average: the planner's estimate and what was learned of it.
    Not before it is wanted."""
    middle = 0.0 if level is None else level.middle
    kind = kind_of(now, estimate, wanted_at, in_rush=in_rush)
    at = estimate + slack(config, kind, now, estimate, wanted_at) * middle
    return max(at, min(now, estimate), wanted_at or at)


def window(
    config: Config,
    now: datetime,
    estimate: datetime,
    wanted_at: datetime | None = None,
    level: Level | None = None,
    *,
    in_rush: bool = False,
) -> Window:
    """From the planner's estimate to the window that is told.

    It begins when the car is expected and ends when all but a tenth of the cars (as the settings
    have it) would be ready. `level`: what was learned; without it the settings' own slack, wider
    the farther the estimate is away.
    """
    width = 1.0 if level is None else level.width
    kind = kind_of(now, estimate, wanted_at, in_rush=in_rush)
    begin = expected(config, now, estimate, wanted_at, level, in_rush=in_rush)
    end = estimate + slack(config, kind, now, estimate, wanted_at) * width
    return Window(_up_to_minute(begin), _up_to_minute(max(begin, end)))


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

    @property
    def wanted_at(self) -> datetime | None:
        """When it is wanted; None for at once."""


def keep_or_move(
    session: Session,
    config: Config,
    request: Asked,
    told_by: datetime | None,
    estimate: datetime,
    now: datetime,
    cause: str = LATE,
    *,
    in_rush: bool = False,
) -> PromiseRow | None:
    """Make the first promise, or a later one when the one that was told (`told_by`: its end)
    cannot hold, with the `cause` as its reason; None if it stands. `in_rush`: see `is_rush`.

    A promise is not moved for a gain: drivers plan with it.
    """
    if told_by is None:
        return _first(session, config, request, estimate, now, in_rush=in_rush)
    if estimate <= told_by + timedelta(seconds=config.promise_move_s):
        return None
    promise = _made(session, config, request, estimate, now, in_rush=in_rush)
    promise.reason = cause
    session.add(promise)
    return promise


def _first(
    session: Session,
    config: Config,
    request: Asked,
    estimate: datetime,
    now: datetime,
    *,
    in_rush: bool,
) -> PromiseRow:
    of_visit = select(_PROMISES.c.id).where(_PROMISES.c.visit_id == request.visit_id).limit(1)
    is_later = session.connection().scalar(of_visit) is not None
    promise = _made(session, config, request, estimate, now, in_rush=in_rush)
    promise.reason = CHANGED if is_later else FIRST
    promise.kind = kind_of(now, estimate, request.wanted_at, in_rush=in_rush)
    promise.planned_at = estimate
    session.add(promise)
    return promise


def _made(
    session: Session,
    config: Config,
    request: Asked,
    estimate: datetime,
    now: datetime,
    *,
    in_rush: bool,
) -> PromiseRow:
    wanted = request.wanted_at
    kind = kind_of(now, estimate, wanted, in_rush=in_rush)
    level = calibration.levels(session, config, [kind])[kind]
    ready_from, ready_by = window(config, now, estimate, wanted, level, in_rush=in_rush)
    return PromiseRow(
        id=uuid7(now),
        visit_id=request.visit_id,
        request_id=request.event_id,
        booth_id=request.booth_id,
        ready_from=ready_from,
        ready_by=ready_by,
        made_at=now,
        expected_at=expected(config, now, estimate, wanted, level, in_rush=in_rush),
    )


def _up_to_minute(at: datetime) -> datetime:
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(minutes=1)
