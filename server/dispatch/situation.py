"""The district as a planner sees it: a snapshot out of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import LOT, RUNNER
from server import shifts
from server.config import Config
from server.dispatch.snapshot import Runner, Snapshot, Travel, WantedMove
from server.district import lots_nearest_first
from server.models import MoveRow, PlaceRow, RequestRow, TravelRow, VisitRow
from server.visits import OPEN, TAKEN

_FAR = Travel(drive_s=600, empty_s=600)


def look(session: Session, config: Config, now: datetime) -> Snapshot:
    """The snapshot of this moment."""
    travel = {
        (row.from_place_id, row.to_place_id): Travel(row.drive_s, row.empty_s)
        for row in session.scalars(select(TravelRow))
    }
    driving = session.scalars(select(MoveRow).where(MoveRow.state == TAKEN)).all()
    return Snapshot(
        now=now,
        runners=_runners(session, config, driving, travel, now),
        moves=_moves(session, config, driving, travel, now),
        travel=travel,
        far=_FAR,
        lots_near=lots_nearest_first(session),
        free_stalls=_free_stalls(session),
        handling_s=config.handling_s,
        arrivals={
            move.visit_id: _arrival(move, config, travel, now)
            for move in driving
            if move.kind == states.RETRIEVE
        },
    )


def _arrival(
    move: MoveRow, config: Config, travel: dict[tuple[str, str], Travel], now: datetime
) -> datetime:
    assert move.taken_at is not None
    assert move.to_place_id is not None
    drive_s = travel.get((move.from_place_id, move.to_place_id), _FAR).drive_s
    return max(now, move.taken_at + timedelta(seconds=drive_s + config.handling_s))


def _runners(
    session: Session,
    config: Config,
    driving: Sequence[MoveRow],
    travel: dict[tuple[str, str], Travel],
    now: datetime,
) -> list[Runner]:
    busy = {move.runner_id: move for move in driving}
    runners = []
    for person, shift in shifts.at_work(session, RUNNER, now, config.shift_forgotten_s):
        move = busy.get(person.id)
        if move is None or move.to_place_id is None:
            runners.append(Runner(person.id, shift.place_id, now))
        else:
            free_at = _arrival(move, config, travel, now)
            runners.append(Runner(person.id, move.to_place_id, free_at))
    return runners


def _moves(
    session: Session,
    config: Config,
    driving: Sequence[MoveRow],
    travel: dict[tuple[str, str], Travel],
    now: datetime,
) -> list[WantedMove]:
    under_way = {move.visit_id: move for move in driving}
    rows = session.execute(
        select(VisitRow, RequestRow)
        .outerjoin(RequestRow, (RequestRow.visit_id == VisitRow.id) & (RequestRow.status == OPEN))
        .where(VisitRow.is_open, ~VisitRow.tag_shared)
        .where(
            or_(
                VisitRow.state.in_((states.AT_BOOTH, states.REQUESTED)),
                (VisitRow.state == states.TO_LOT) & RequestRow.event_id.is_not(None),
            )
        )
        .order_by(VisitRow.id)
    )
    moves = []
    for visit, request in rows:
        leg = under_way.get(visit.id)
        arrival = now if leg is None else _arrival(leg, config, travel, now)
        move = _wanted(visit, request, arrival, config, travel)
        if move is not None:
            moves.append(move)
    return moves


def _wanted(
    visit: VisitRow,
    request: RequestRow | None,
    arrival: datetime,
    config: Config,
    travel: dict[tuple[str, str], Travel],
) -> WantedMove | None:
    """The drive that this car needs next, if it needs one."""
    origin = visit.destination_id or visit.place_id
    if request is None:
        known = visit.ready_at or visit.received_at
        return WantedMove(visit.id, states.PARK, origin, None, known, arrival, None)
    if visit.car == states.AT_BOOTH and request.booth_id == origin:
        return None
    due = request.wanted_at or request.made_at
    drive_s = travel.get((origin, request.booth_id), _FAR).drive_s + config.handling_s
    # A car that is wanted later is fetched so that it stands there a little before its time.
    early = timedelta(seconds=drive_s + config.promise_slack_s)
    release = max(arrival, due - early)
    return WantedMove(
        visit.id, states.RETRIEVE, origin, request.booth_id, request.made_at, release, due
    )


def _free_stalls(session: Session) -> dict[str, int]:
    stalls = {
        place.id: place.stalls
        for place in session.scalars(select(PlaceRow).where(PlaceRow.kind == LOT, PlaceRow.is_open))
    }
    at = func.coalesce(VisitRow.destination_id, VisitRow.place_id)
    used = session.execute(
        select(at, func.count()).where(VisitRow.is_open, at.in_(stalls)).group_by(at)
    )
    for lot, count in used:
        stalls[lot] -= count
    return stalls
