"""The visits that a day is made of, one flat line each: what all its figures are counted from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Row, and_, select, text, union_all
from sqlalchemy.orm import Session

from schemas import states
from server.bulk import table_of
from server.models import PromiseRow, RequestRow, VisitRow
from server.models.visit import STAYED_LONG
from server.one_of import one_of
from server.reports.day import Day
from server.visits import OPEN

_VISITS, _PROMISES = table_of(VisitRow), table_of(PromiseRow)
_STOOD = (OPEN, "done")
# Twice as long as what the database marks, so that it marks all who stayed longer.
_LONG = timedelta(days=2)
_AT_THE_DRIVERS = (states.READY, states.HANDED_OVER)
_COLUMNS = (
    VisitRow.id,
    VisitRow.code,
    VisitRow.state,
    VisitRow.tag_shared,
    VisitRow.car,
    VisitRow.booth_id,
    VisitRow.place_id,
    VisitRow.guest_ref,
    VisitRow.received_at,
    VisitRow.parked_at,
    VisitRow.ready_at,
    VisitRow.handed_over_at,
    VisitRow.proof,
    RequestRow.event_id.label("request_id"),
    RequestRow.booth_id.label("request_booth_id"),
    RequestRow.made_at.label("requested_at"),
    RequestRow.wanted_at,
    RequestRow.status.label("request_status"),
)


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One visit as a day report sees it.

    The request is the one that stood when the car became ready, or stands now: one that was
    replaced or cancelled is left out. `first_ready_by` is the end of the first window that was
    promised for it; `last_ready_by` that of the newest one made before the car was ready.
    """

    id: str
    code: str
    state: str
    car: str
    booth_id: str
    place_id: str
    guest_ref: str
    received_at: datetime
    parked_at: datetime | None
    ready_at: datetime | None
    handed_over_at: datetime | None
    proof: str | None
    request_id: str | None = None
    request_booth_id: str | None = None
    requested_at: datetime | None = None
    wanted_at: datetime | None = None
    is_waiting: bool = False
    first_ready_by: datetime | None = None
    last_ready_by: datetime | None = None

    @property
    def waits_from(self) -> datetime | None:
        """When the wait begins: at the request, or at the later time that was asked for."""
        if self.requested_at is None:
            return None
        return max(self.requested_at, self.wanted_at or self.requested_at)

    @property
    def wait_s(self) -> int | None:
        """Whole seconds from then until the car was ready; 0 where it was ready before."""
        if self.ready_at is None or self.waits_from is None:
            return None
        return max(0, (self.ready_at - self.waits_from) // timedelta(seconds=1))

    @property
    def promised_wait_s(self) -> int | None:
        """The wait that was promised first, at most: until the end of that window."""
        if self.first_ready_by is None or self.waits_from is None:
            return None
        return max(0, (self.first_ready_by - self.waits_from) // timedelta(seconds=1))

    @property
    def kept_first(self) -> bool | None:
        """Whether the car was ready by the first promise; None where there was nothing to keep."""
        return _kept(self.ready_at, self.first_ready_by)

    @property
    def kept_last(self) -> bool | None:
        """The same for the promise that stood in the end."""
        return _kept(self.ready_at, self.last_ready_by)

    def is_inside(self, at: datetime) -> bool:
        """Whether the district had the car at a time."""
        return self.received_at < at and (self.handed_over_at is None or self.handed_over_at >= at)

    def is_late(self, at: datetime) -> bool:
        """Whether the driver still waits although the first promise has passed."""
        by = self.first_ready_by
        return self.is_waiting and by is not None and by < at


def _kept(ready_at: datetime | None, ready_by: datetime | None) -> bool | None:
    return None if ready_at is None or ready_by is None else ready_at <= ready_by


def visit_lines(session: Session, day: Day, now: datetime) -> list[VisitLine]:
    """Every visit that was received, made ready or handed over in the day, or was inside at its
    end (now, while it lasts), by time of reception. Three queries, however many there are."""
    lines: dict[str, VisitLine] = {}
    dialect = session.connection().dialect.name
    # Apart, so that nobody has to guess how many they are before they look for their requests.
    ids = session.scalars(_chosen(day, now, dialect)).unique().all()
    rows = session.execute(
        select(*_COLUMNS)
        .outerjoin(
            RequestRow,
            and_(RequestRow.visit_id == VisitRow.id, RequestRow.status.in_(_STOOD)),
        )
        .where(one_of(_VISITS.c.id, "ids"))
        .order_by(VisitRow.received_at, VisitRow.id, RequestRow.made_at, RequestRow.event_id),
        {"ids": ids},
    )
    for row in rows:
        lines[row.id] = _line(row)
    promised = session.execute(
        select(PromiseRow.visit_id, PromiseRow.request_id, PromiseRow.ready_by, PromiseRow.made_at)
        .where(one_of(_PROMISES.c.visit_id, "ids"))
        .order_by(PromiseRow.made_at, PromiseRow.id),
        {"ids": ids},
    )
    for visit_id, request_id, ready_by, made_at in promised:
        line = lines[visit_id]
        if line.request_id == request_id:
            lines[visit_id] = _with_promise(line, ready_by, made_at)
    return list(lines.values())


def _chosen(day: Day, now: datetime, dialect: str) -> CompoundSelect[str]:
    """Which visits count. A union, so that each of its parts may go by its own index."""
    upto = day.upto(now)
    in_day = [
        select(VisitRow.id).where(column >= day.start, column < day.end)
        for column in (VisitRow.received_at, VisitRow.ready_at, VisitRow.handed_over_at)
    ]
    before, gone_after = VisitRow.received_at < upto, VisitRow.handed_over_at >= upto
    # Most had just come; those who stayed for long are few, and found by that.
    just_before = upto - _LONG
    inside = [
        select(VisitRow.id).where(*each)
        for each in (
            (before, VisitRow.handed_over_at.is_(None)),
            (before, VisitRow.received_at >= just_before, gone_after),
            (VisitRow.received_at < just_before, gone_after, text(STAYED_LONG[dialect])),
        )
    ]
    return union_all(*in_day, *inside)


def _line(row: Row[*tuple[Any, ...]]) -> VisitLine:
    # A car that was ready and is elsewhere again keeps the old time in its row.
    is_ready = row.car in _AT_THE_DRIVERS
    return VisitLine(
        id=row.id,
        code=row.code,
        state=states.HELD if row.tag_shared else row.state,
        car=row.car,
        booth_id=row.booth_id,
        place_id=row.place_id,
        guest_ref=row.guest_ref,
        received_at=row.received_at,
        parked_at=row.parked_at,
        ready_at=row.ready_at if is_ready else None,
        handed_over_at=row.handed_over_at if row.car == states.HANDED_OVER else None,
        proof=row.proof,
        request_id=row.request_id,
        request_booth_id=row.request_booth_id,
        requested_at=row.requested_at,
        wanted_at=row.wanted_at,
        is_waiting=row.request_status == OPEN and not is_ready,
    )


def _with_promise(line: VisitLine, ready_by: datetime, made_at: datetime) -> VisitLine:
    if line.first_ready_by is None:
        return replace(line, first_ready_by=ready_by, last_ready_by=ready_by)
    # A promise moved after the car stood there (its booth was cut off) told nobody anything.
    if line.ready_at is not None and made_at > line.ready_at:
        return line
    return replace(line, last_ready_by=ready_by)
