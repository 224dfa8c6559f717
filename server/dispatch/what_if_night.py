"""A night that was, in the form of a scenario file: cars, wishes, people and ways as recorded.

    night = past_night(session, config, day)

What the tables do not say is left to the twin: how true times differ from usual ones. Places are
those of now, ways are those learned up to that night, at its middle hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.district import BOOTH, LOT, RUNNER
from schemas.hours import HoursSchema
from schemas.problems import Refusal
from server.config import Config
from server.dispatch.hours import shut_ahead
from server.leg_times import learned_at
from server.models import (
    ClosureRow,
    DistrictRow,
    MoveRow,
    PersonRow,
    PlaceRow,
    RequestRow,
    ShiftFigureRow,
    VisitRow,
    WorkFigureRow,
)
from server.reports.day import Day, zone_of
from server.visit_rows import DONE, OPEN

NIGHTS_BEFORE = 3
_WEEK = timedelta(days=7)
_S, _MIN = timedelta(seconds=1), timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
_HOUR = timedelta(hours=1)
# Who waits for the last cars, and how early a runner may have been at work before the first drive.
_AFTER_MIN, _EARLY_MIN = 60, 10
_LONGEST_MIN = 7 * 24 * 60
_STAYS_MAX = 500
_STOOD = (OPEN, DONE)
_OF_A_PLACE = (
    *("id", "kind", "name", "letter", "x_m", "y_m"),
    *("hooks", "kerb_spaces", "stalls", "staging_spaces"),
)

_VISITS = (
    select(
        VisitRow.id,
        VisitRow.booth_id,
        VisitRow.received_at,
        VisitRow.ready_at,
        VisitRow.handed_over_at,
        VisitRow.car,
        RequestRow.made_at,
        RequestRow.wanted_at,
        RequestRow.booth_id.label("wanted_booth_id"),
    )
    .outerjoin(RequestRow, and_(RequestRow.visit_id == VisitRow.id, RequestRow.status.in_(_STOOD)))
    .order_by(VisitRow.received_at, VisitRow.id, RequestRow.made_at.desc())
)
Visit = Row[*tuple[Any, ...]]


def past_night(session: Session, config: Config, day: Day) -> dict[str, Any]:
    """The night of a day. Raises `Refusal("empty_night")` where no car came."""
    visits = _one_each(session.execute(_VISITS.where(_in(day))).all())
    came = [visit.received_at for visit in visits if visit.received_at >= day.start]
    if not came:
        raise Refusal("empty_night")
    start = min(came).replace(minute=0, second=0, microsecond=0)
    moves = _moves(session, [visit.id for visit in visits])
    frame = _Frame(start, _length_min(visits, moves, start, day))
    used = _used(visits, moves)
    places = [
        row
        for row in session.scalars(select(PlaceRow).order_by(PlaceRow.id))
        if row.id in used or (row.is_open and row.archived_at is None)
    ]
    kinds = {row.id: row.kind for row in places}
    middle = min(day.end, start + timedelta(minutes=frame.length_min / 2))
    return {
        "name": day.date.isoformat(),
        "starts_at": start.isoformat(),
        "length_min": frame.length_min,
        "district": _district(session, config, places, middle),
        "runners": _runners(session, day, moves, frame, kinds),
        "arrivals": {"cars": _cars(visits, moves, frame, kinds)},
        "stays": {"median_min": max(1, config.stay_s // 60)},
        "before": _before(session, day, frame, kinds),
        "closures": _closures(session, frame, kinds),
        "handling_s": config.handling_s,
        "take_car_s": _take_car_s(config, visits),
    }


@dataclass(frozen=True, slots=True)
class _Frame:
    """The stretch that is played."""

    start: datetime
    length_min: int

    def minute(self, at: datetime) -> float:
        """A time in minutes of the night, never before it."""
        return max(0.0, round((at - self.start) / _MIN, 2))


def _in(day: Day) -> ColumnElement[bool]:
    was_inside = or_(VisitRow.handed_over_at.is_(None), VisitRow.handed_over_at >= day.start)
    # A car that was forgotten in the rows for years is no part of this night.
    return and_(
        VisitRow.received_at < day.end, VisitRow.received_at >= day.start - _WEEK, was_inside
    )


def _one_each(rows: Iterable[Visit]) -> list[Visit]:
    """Each visit with its newest request that was not taken back."""
    found: dict[str, Visit] = {}
    for row in rows:
        found.setdefault(row.id, row)
    return list(found.values())


def _moves(session: Session, visit_ids: Sequence[str]) -> list[Visit]:
    return list(
        session.execute(
            select(
                MoveRow.visit_id,
                MoveRow.from_place_id,
                MoveRow.to_place_id,
                MoveRow.runner_id,
                MoveRow.taken_at,
                MoveRow.done_at,
            )
            .where(MoveRow.visit_id.in_(visit_ids), MoveRow.state == DONE)
            .where(MoveRow.taken_at.is_not(None), MoveRow.done_at.is_not(None))
            .order_by(MoveRow.taken_at, MoveRow.visit_id)
        )
    )


def _used(visits: Iterable[Visit], moves: Iterable[Visit]) -> set[str]:
    used = {visit.booth_id for visit in visits}
    used |= {visit.wanted_booth_id for visit in visits if visit.wanted_booth_id is not None}
    return used | {end for move in moves for end in (move.from_place_id, move.to_place_id)}


def _length_min(visits: Iterable[Visit], moves: Iterable[Visit], start: datetime, day: Day) -> int:
    last = [move.done_at for move in moves] + [visit.received_at for visit in visits]
    last += [visit.made_at for visit in visits if visit.made_at is not None]
    minutes: int = (min(max(last), day.end) - start) // _MIN + _AFTER_MIN
    return max(_AFTER_MIN, min(minutes, _LONGEST_MIN))


def _district(
    session: Session, config: Config, places: Sequence[PlaceRow], at: datetime
) -> dict[str, Any]:
    names = {row.id for row in places}
    row = session.scalars(select(DistrictRow)).first()
    return {
        "name": "" if row is None else row.name,
        "timezone": "America/Panama" if row is None else row.timezone,
        "places": [_place(place) for place in places],
        "people": [],
        "tags": [],
        "travel": [
            {
                "from_place_id": origin,
                "to_place_id": to,
                "drive_s": times.drive_s,
                "empty_s": times.empty_s,
            }
            for (origin, to), times in sorted(learned_at(session, config, at).items())
            if {origin, to} <= names
        ],
    }


def _place(row: PlaceRow) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(row, name) for name in _OF_A_PLACE}
    return {**told, "hours": HoursSchema(many=True).dump(row.hours)}


def _cars(
    visits: Iterable[Visit], moves: Iterable[Visit], frame: _Frame, kinds: Mapping[str, str]
) -> list[dict[str, Any]]:
    stood: dict[str, str] = {}
    for move in moves:
        if move.done_at <= frame.start:
            stood[move.visit_id] = move.to_place_id
    cars = []
    for visit in visits:
        lot_id = stood.get(visit.id) if visit.received_at < frame.start else None
        if visit.received_at < frame.start and kinds.get(lot_id or "") != LOT:
            # It stood at a kerb from the day before: nobody can say what became of it.
            continue
        asked_at = visit.made_at
        if asked_at is not None and asked_at < frame.start:
            continue
        arrive = frame.minute(visit.received_at)
        ask = None if asked_at is None else max(arrive, frame.minute(asked_at))
        wanted = None if visit.wanted_at is None else frame.minute(visit.wanted_at)
        cars.append(
            {
                "arrive_min": arrive,
                "booth_id": visit.booth_id,
                "ask_min": ask,
                "wanted_min": None if wanted is None or ask is None or wanted <= ask else wanted,
                "return_booth_id": visit.wanted_booth_id,
                "lot_id": lot_id,
            }
        )
    return cars


def _runners(
    session: Session, day: Day, moves: Iterable[Visit], frame: _Frame, kinds: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Who drove that night, and who was there to. Their shifts go from the sign-on (or just before
    the first drive) to the sign-off, or else to the end."""
    drives: dict[str, list[Visit]] = {name: [] for name in _at_work(session, day)}
    for move in moves:
        if move.runner_id is not None and move.taken_at >= frame.start:
            drives.setdefault(move.runner_id, []).append(move)
    told: dict[str, list[ShiftFigureRow]] = {name: [] for name in drives}
    shifts = select(ShiftFigureRow).where(
        ShiftFigureRow.person_id.in_(drives), ShiftFigureRow.day == day.date.toordinal()
    )
    for row in session.scalars(shifts.order_by(ShiftFigureRow.at, ShiftFigureRow.event_id)):
        told[row.person_id].append(row)
    runners = [
        _shift(name, drives[name], told[name], frame, kinds)
        for name in sorted(drives)
        if drives[name] or _sign_on(told[name], kinds) is not None
    ]
    if not runners:
        raise Refusal("empty_night")
    return runners


def _at_work(session: Session, day: Day) -> list[str]:
    rows = session.execute(
        select(WorkFigureRow.person_id, PersonRow.roles)
        .join(PersonRow, PersonRow.id == WorkFigureRow.person_id)
        .where(WorkFigureRow.day == day.date.toordinal(), WorkFigureRow.on_s > 0)
    )
    return [person_id for person_id, roles in rows if RUNNER in roles]


def _sign_on(told: Sequence[ShiftFigureRow], kinds: Mapping[str, str]) -> ShiftFigureRow | None:
    begun = (row for row in told if row.type == events.SHIFT_SIGNED_ON and row.place_id in kinds)
    return next(begun, None)


def _shift(
    name: str,
    drives: Sequence[Visit],
    told: Sequence[ShiftFigureRow],
    frame: _Frame,
    kinds: Mapping[str, str],
) -> dict[str, Any]:
    begun = _sign_on(told, kinds)
    if drives and (begun is None or begun.at > drives[0].taken_at):
        place_id = drives[0].from_place_id
        from_min = frame.minute(drives[0].taken_at) - _EARLY_MIN
    else:
        assert begun is not None
        place_id, from_min = begun.place_id, frame.minute(begun.at)
    until_min: int | None = None
    is_over = bool(told) and told[-1].type == events.SHIFT_SIGNED_OFF
    if is_over and (not drives or told[-1].at >= drives[-1].done_at):
        until_min = int(frame.minute(told[-1].at)) + 1
    from_min = max(0, int(from_min))
    return {
        "id": name,
        "place_id": place_id,
        "from_min": from_min,
        "until_min": None if until_min is None else max(until_min, from_min + 1),
        "breaks": _breaks(told, frame),
    }


def _breaks(told: Sequence[ShiftFigureRow], frame: _Frame) -> list[dict[str, int]]:
    found = []
    for row, after in pairwise(told):
        from_min, until_min = int(frame.minute(row.at)), int(frame.minute(after.at))
        if row.type == events.SHIFT_PAUSED and until_min > from_min:
            found.append({"from_min": from_min, "until_min": until_min})
    return found


def _before(session: Session, day: Day, frame: _Frame, kinds: Mapping[str, str]) -> dict[str, Any]:
    """What the nights of the same weekday before it would have let the planner expect."""
    hours = -(-frame.length_min // 60)
    counts: dict[str, list[int]] = {}
    stays: list[float] = []
    length = timedelta(minutes=frame.length_min)
    for number in range(1, NIGHTS_BEFORE + 1):
        start = frame.start - number * _WEEK
        within = VisitRow.received_at.between(start, start + length)
        for visit in _one_each(session.execute(_VISITS.where(within)).all()):
            if kinds.get(visit.booth_id) == BOOTH:
                hour = min(hours - 1, (visit.received_at - start) // _HOUR)
                counts.setdefault(visit.booth_id, [0] * hours)[hour] += 1
            if visit.made_at is not None and len(stays) < _STAYS_MAX:
                stay = (visit.made_at - visit.received_at) / _MIN
                stays.append(round(min(max(stay, 0.0), _LONGEST_MIN), 1))
    return {"nights": NIGHTS_BEFORE, "per_hour": counts, "stays_min": stays}


def _closures(session: Session, frame: _Frame, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = session.scalars(select(ClosureRow).where(ClosureRow.is_active)).all()
    until = frame.start + timedelta(minutes=frame.length_min)
    found: list[dict[str, Any]] = []
    for shut in shut_ahead(rows, zone_of(session), frame.start, until) if rows else ():
        ends = {shut.place_id} if shut.leg is None else set(shut.leg)
        if not ends <= set(kinds):
            continue
        where: dict[str, Any] = (
            {"place_id": shut.place_id} if shut.leg is None else {"leg": list(shut.leg)}
        )
        from_min = int(frame.minute(shut.window.from_at))
        until_min = max(from_min + 1, int(frame.minute(shut.window.until_at)))
        found.append({**where, "from_min": from_min, "until_min": min(until_min, _LONGEST_MIN)})
    return found


def _take_car_s(config: Config, visits: Iterable[Visit]) -> int:
    """How long drivers took to come for their cars, in the middle."""
    took = [
        max(timedelta(), visit.handed_over_at - max(visit.ready_at, visit.wanted_at or _NEVER))
        for visit in visits
        if visit.car == states.HANDED_OVER and visit.ready_at is not None
    ]
    return min(3600, round(median(took) / _S)) if took else config.owner_takes_car_s
