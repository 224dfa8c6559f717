"""One car's stay as the rows tell it: all that the driver's page is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.district import BOOTH
from schemas.handover_code import code_at
from schemas.hours import is_open_at
from server import guests, photos, promises, tariff
from server.booth_windows import booth_windows
from server.config import Config
from server.downlink import CODE_KEY
from server.driver.custody import badges_of
from server.driver.pauses import paused
from server.driver.said import Said, said_of
from server.links import find_link
from server.master_key import MasterKey
from server.models import (
    DistrictRow,
    EventRow,
    MoveRow,
    PlaceRow,
    PromiseRow,
    RequestRow,
    VisitRow,
)
from server.payments import paid_cents, payments_of
from server.promises import Window
from server.requests import is_missed
from server.tariff import Bill
from server.visits import OPEN

_CAR = (events.CAR_TAKEN, events.CAR_PARKED, events.CAR_READY)
DONE = "done"
CANCELLED = "cancelled"
# For so long a cancellation can be taken back with one tap.
_UNDO = timedelta(seconds=60)
# Until then the car still waits for somebody to fetch it.
_IN_LINE = (states.AT_BOOTH, states.TO_LOT, states.PARKED, states.REPARKING)
# Whoever wants the car later than this is not waiting in a line yet.
_NEAR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Stay:
    """The rows of one visit. `request` is the open one or, after the hand-over, the last.

    `place_in_line` counts from 1 and is None for who is not waiting in it; `code` is the
    hand-over code, only while it may be shown; `plate` is None if the record was erased.
    `by_tap`: a tap of the claim card has opened it, so there never is a code. `is_shared`: whoever
    reads was given the link by the driver. `windows`: when the car could be at each open booth.
    `bill` is None where nothing is charged. `received_badge`: whose badge took the keys.
    `called_at`: when the driver of a car that is ready was called last. `taken_back_at`: when a
    car that was ready began its way back to the lot, until it is asked for anew. `cancelled`: the
    request that was taken back just now. `unclaimed_at`: when its key was put away for the night.
    """

    visit: VisitRow
    request: RequestRow | None
    promise: PromiseRow | None
    moves: Sequence[MoveRow]
    places: Mapping[str, PlaceRow]
    open_booths: Sequence[PlaceRow]
    place_in_line: int | None
    plate: str | None
    code: str | None
    zone: ZoneInfo
    by_tap: bool = False
    photo_count: int = 0
    is_shared: bool = False
    windows: Mapping[str, Window] = field(default_factory=dict)
    said: Sequence[Said] = ()
    bill: Bill | None = None
    received_badge: str | None = None
    walk_m_per_min: int = 65
    paid_cents: int = 0
    called_at: datetime | None = None
    taken_back_at: datetime | None = None
    cancelled: RequestRow | None = None
    unclaimed_at: datetime | None = None


def find_stay(
    session: Session,
    config: Config,
    key: MasterKey,
    token: str,
    now: datetime,
    *,
    by_tap: bool = False,
) -> Stay:
    """The stay behind the token of a link or (`by_tap`) of a tap.

    Raises `Refusal` `unknown_link` / `expired_link`.
    """
    link, visit = find_link(session, token, now, by_tap=by_tap)
    is_shared = link.share_nonce is not None
    asked = _requests(session, visit)
    request = None if is_missed(session, visit) else _last(asked)
    guest = None if is_shared else guests.load(session, key, visit.guest_ref)
    places = {
        place.id: place for place in session.scalars(select(PlaceRow).order_by(PlaceRow.name))
    }
    booths = [place for place in places.values() if place.kind == BOOTH]
    zone = district_zone(session)
    wanted_at = None if request is None else request.wanted_at
    local = (wanted_at or now).astimezone(zone)
    at = [booth for booth in booths if is_open_at(booth, local)]
    moves, told = _moves(session, visit), _last_told(session, visit)
    may_fetch = not by_tap and (link.may_fetch or not is_shared)
    return Stay(
        visit=visit,
        request=request,
        promise=None if request is None else _promise(session, request),
        moves=moves,
        places=places,
        open_booths=[booth for booth in booths if booth.is_open],
        place_in_line=_place_in_line(session, visit, request, now),
        plate=None if guest is None else guest.plate,
        code=_code(key, visit, now) if may_fetch else None,
        zone=zone,
        by_tap=by_tap,
        photo_count=photos.count(session, visit.id),
        is_shared=is_shared,
        windows=booth_windows(session, config, visit, now, wanted_at, at),
        said=said_of(session, visit.id),
        bill=bill_of(session, config, visit, request, now),
        received_badge=badges_of(session, {visit.received_by}).get(visit.received_by),
        walk_m_per_min=config.walk_m_per_min,
        paid_cents=paid_cents(payments_of(session, visit.id)),
        called_at=_called_at(visit, told),
        taken_back_at=None if request is not None else _taken_back_at(visit, moves, told),
        cancelled=None if request is not None else _cancelled(asked, now),
        unclaimed_at=_unclaimed_at(visit, told),
    )


def bill_of(
    session: Session, config: Config, visit: VisitRow, request: RequestRow | None, now: datetime
) -> Bill | None:
    """What the stay costs so far; None where nothing is charged."""
    prices = tariff.tariff_at(session, config, visit.received_at)
    if prices.is_free:
        return None
    until, is_over = tariff.ended_at(
        now,
        asked_at=None if request is None else request.made_at,
        wanted_at=None if request is None else request.wanted_at,
        handed_over_at=visit.handed_over_at,
    )
    begun_at = visit.received_at + paused(session, visit)
    return tariff.bill(prices, begun_at, until, is_over=is_over)


def district_zone(session: Session) -> ZoneInfo:
    """The time zone that the district's people read their clocks in."""
    return ZoneInfo(session.scalars(select(DistrictRow.timezone)).one())


def last_request(session: Session, visit: VisitRow) -> RequestRow | None:
    """The open request or, after the hand-over, the last one."""
    return _last(_requests(session, visit))


def _requests(session: Session, visit: VisitRow) -> Sequence[RequestRow]:
    """All of the visit, the last one first."""
    return session.scalars(
        select(RequestRow)
        .where(RequestRow.visit_id == visit.id)
        .order_by(RequestRow.made_at.desc(), RequestRow.event_id.desc())
    ).all()


def _last(asked: Sequence[RequestRow]) -> RequestRow | None:
    return next((request for request in asked if request.status in (OPEN, DONE)), None)


def _cancelled(asked: Sequence[RequestRow], now: datetime) -> RequestRow | None:
    just_now = [
        request
        for request in asked
        if request.status == CANCELLED and request.closed_at and request.closed_at > now - _UNDO
    ]
    return max(just_now, key=lambda one: (one.closed_at, one.event_id), default=None)


def _promise(session: Session, request: RequestRow) -> PromiseRow | None:
    return promises.current(session, [request.event_id]).get(request.event_id)


def _moves(session: Session, visit: VisitRow) -> Sequence[MoveRow]:
    return session.scalars(
        select(MoveRow).where(MoveRow.visit_id == visit.id).order_by(MoveRow.ordinal)
    ).all()


def _last_told(session: Session, visit: VisitRow) -> Mapping[str, datetime]:
    """When each kind of these events was, for the last time."""
    types = (*_CAR, events.VISIT_CALLED, events.VISIT_UNCLAIMED)
    rows = session.execute(
        select(EventRow.type, func.max(EventRow.at))
        .where(EventRow.visit_id == visit.id, EventRow.type.in_(types))
        .group_by(EventRow.type)
    )
    return {kind: at for kind, at in rows if at is not None}


def _unclaimed_at(visit: VisitRow, told: Mapping[str, datetime]) -> datetime | None:
    """Until the car goes on, its key lies in the bag."""
    unclaimed_at = told.get(events.VISIT_UNCLAIMED)
    if unclaimed_at is None or visit.car not in (states.PARKED, states.READY, states.AT_BOOTH):
        return None
    moved = [told[kind] for kind in _CAR if kind in told]
    return unclaimed_at if all(at <= unclaimed_at for at in moved) else None


def _called_at(visit: VisitRow, told: Mapping[str, datetime]) -> datetime | None:
    called_at = told.get(events.VISIT_CALLED)
    if called_at is None or visit.shown_state != states.READY or visit.ready_at is None:
        return None
    return called_at if called_at >= visit.ready_at else None


def _taken_back_at(
    visit: VisitRow, moves: Sequence[MoveRow], told: Mapping[str, datetime]
) -> datetime | None:
    ready_at = told.get(events.CAR_READY)
    drives = [move for move in moves if move.kind == states.PARK and move.taken_at is not None]
    if ready_at is None or not drives or visit.car not in (states.REPARKING, states.PARKED):
        return None
    taken_at = drives[-1].taken_at
    return taken_at if taken_at is not None and taken_at >= ready_at else None


def _place_in_line(
    session: Session, visit: VisitRow, request: RequestRow | None, now: datetime
) -> int | None:
    """How many wait for their car and asked to have it no later, and this one."""
    if request is None or request.status != OPEN or visit.car not in _IN_LINE:
        return None
    due = func.coalesce(RequestRow.wanted_at, RequestRow.made_at)
    own_due = request.wanted_at or request.made_at
    if own_due > now + _NEAR:
        return None
    earlier = (due < own_due) | ((due == own_due) & (RequestRow.event_id < request.event_id))
    ahead = session.scalar(
        select(func.count())
        .select_from(RequestRow)
        .join(VisitRow, VisitRow.id == RequestRow.visit_id)
        .where(RequestRow.status == OPEN, VisitRow.is_open, VisitRow.car.in_(_IN_LINE), earlier)
    )
    return 1 + (ahead or 0)


def _code(key: MasterKey, visit: VisitRow, now: datetime) -> str | None:
    if visit.shown_state != states.READY:
        return None
    return code_at(key.derive(CODE_KEY, visit.id), now)
