"""This moment in the district: what stands where, what is being driven, and who has time.

Seven queries at most, however many cars there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import LOT, RUNNER
from server.config import Config
from server.dispatch.hours import shut_ahead
from server.dispatch.runners_seen import FAR
from server.leg_times import travel_times
from server.models import ClosureRow, MoveRow, PersonRow, PlaceRow, ShiftRow, VisitRow
from server.reports.day import zone_of
from server.reports.station_lines import StationLine
from server.visit_rows import OPEN, TAKEN, VISIT_IS_OPEN

DRIVING = "driving"
ON_THE_WAY = "on_the_way"
GIVEN = "given"
IDLE = "idle"


@dataclass(frozen=True, slots=True)
class PlaceNow:
    """A booth or a lot. `room`: kerb spaces or stalls, 0 where nobody has counted.

    `standing`: cars that are there; `ready`: those of them that wait for their drivers; `coming`:
    cars on the way to it. `shut_until`: a closure keeps cars out until then. `station`: its
    station, the one that may miss events first; None where it has none.
    """

    id: str
    kind: str
    name: str
    letter: str
    x_m: int
    y_m: int
    is_open: bool
    room: int
    standing: int
    ready: int
    coming: int
    shut_until: datetime | None
    station: StationLine | None

    @property
    def over(self) -> int:
        """How many cars stand there beyond its room."""
        return max(0, self.standing - self.room) if self.room else 0

    @property
    def is_full(self) -> bool:
        """Whether there is no room left."""
        return self.room > 0 and self.standing >= self.room

    @property
    def is_dead(self) -> bool:
        """Whether nobody can say what has happened there since its station was last heard of."""
        return self.station is not None and self.station.is_silent

    @property
    def may_miss(self) -> bool:
        """Whether what is counted here may lack events."""
        return self.station is not None and self.station.may_miss


@dataclass(frozen=True, slots=True)
class DriveNow:
    """A car on the way. `due_at`: when it is thought to be there; `share`: how much of the way it
    has behind it by then, from 0 to 1. `runner` is a name."""

    visit_id: str
    code: str
    kind: str
    from_place_id: str
    to_place_id: str
    runner: str | None
    taken_at: datetime
    due_at: datetime
    share: float
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class RunnerNow:
    """Somebody at work. `doing`: driving a car, on the way to one, given one for later, or idle;
    `visit_id`, `code`: which car; `place_id`: where it goes, or where an idle one was last seen."""

    id: str
    name: str
    doing: str
    place_id: str | None
    visit_id: str | None
    code: str | None
    seen_at: datetime

    @property
    def is_busy(self) -> bool:
        """Whether there is a car to be driven now."""
        return self.doing in (DRIVING, ON_THE_WAY)


@dataclass(frozen=True, slots=True)
class DistrictNow:
    """All of it. `places` by kind and name, the longest under way of `drives` first."""

    places: Sequence[PlaceNow]
    drives: Sequence[DriveNow]
    runners: Sequence[RunnerNow]

    @property
    def busy(self) -> int:
        """How many runners have a car to drive now."""
        return sum(runner.is_busy for runner in self.runners)

    @property
    def cars(self) -> int:
        """Cars inside: those that stand somewhere and those on the way."""
        return sum(place.standing for place in self.places) + len(self.drives)


def district_now(
    session: Session, config: Config, stations: Iterable[StationLine], now: datetime
) -> DistrictNow:
    """What is so now, as far as it was told."""
    drives = _drives(session, config, now)
    return DistrictNow(
        places=_places(session, stations, now),
        drives=drives,
        runners=_runners(session, config, now),
    )


def _places(session: Session, stations: Iterable[StationLine], now: datetime) -> Sequence[PlaceNow]:
    by_place: dict[str, StationLine] = {}
    for station in stations:
        known = by_place.get(station.place_id)
        if not station.is_revoked and (known is None or station.may_miss):
            by_place[station.place_id] = station
    standing: dict[str, dict[str, int]] = {}
    coming: dict[str, int] = {}
    counted = (
        select(VisitRow.place_id, VisitRow.destination_id, VisitRow.car, func.count())
        .where(VISIT_IS_OPEN)
        .group_by(VisitRow.place_id, VisitRow.destination_id, VisitRow.car)
    )
    for place_id, destination_id, car, count in session.execute(counted):
        if destination_id is None:
            cars = standing.setdefault(place_id, {})
            cars[car] = cars.get(car, 0) + count
        else:
            coming[destination_id] = coming.get(destination_id, 0) + count
    shut = _shut(session, now)
    rows = session.scalars(select(PlaceRow).order_by(PlaceRow.kind, PlaceRow.name))
    # What is no longer in use is of interest for as long as a car is there.
    used = [row for row in rows if row.archived_at is None or row.id in {*standing, *coming}]
    return [
        _place(row, standing.get(row.id, {}), coming.get(row.id, 0), shut, by_place.get(row.id))
        for row in used
    ]


def _shut(session: Session, now: datetime) -> dict[str, datetime]:
    """The places that a closure shuts now, and until when."""
    rows = session.scalars(select(ClosureRow).where(ClosureRow.is_active)).all()
    if not rows:
        return {}
    ahead = shut_ahead(rows, zone_of(session), now, now + timedelta(seconds=1))
    until: dict[str, datetime] = {}
    for shut in ahead:
        if shut.place_id is not None and shut.window.from_at <= now:
            until_at = shut.window.until_at
            until[shut.place_id] = max(until_at, until.get(shut.place_id, until_at))
    return until


def _place(
    row: PlaceRow,
    cars: Mapping[str, int],
    coming: int,
    shut: Mapping[str, datetime],
    station: StationLine | None,
) -> PlaceNow:
    return PlaceNow(
        id=row.id,
        kind=row.kind,
        name=row.name,
        letter=row.letter,
        x_m=row.x_m,
        y_m=row.y_m,
        is_open=row.is_open,
        room=row.stalls if row.kind == LOT else row.kerb_spaces,
        standing=sum(cars.values()),
        ready=cars.get(states.READY, 0),
        coming=coming,
        shut_until=shut.get(row.id),
        station=station,
    )


def _drives(session: Session, config: Config, now: datetime) -> list[DriveNow]:
    times = travel_times(session.connection())
    rows = session.execute(
        select(
            MoveRow.visit_id,
            VisitRow.code,
            MoveRow.kind,
            MoveRow.from_place_id,
            MoveRow.to_place_id,
            MoveRow.taken_at,
            PersonRow.name,
            MoveRow.runner_id,
        )
        .join(VisitRow, and_(VisitRow.id == MoveRow.visit_id, VISIT_IS_OPEN))
        .outerjoin(PersonRow, PersonRow.id == MoveRow.runner_id)
        .where(MoveRow.state == TAKEN, MoveRow.taken_at.is_not(None))
        .where(MoveRow.to_place_id.is_not(None))
        .order_by(MoveRow.taken_at, MoveRow.visit_id)
    )
    found = []
    for row in rows:
        drive_s = times.get((row.from_place_id, row.to_place_id), FAR).drive_s + config.handling_s
        found.append(_drive(row, timedelta(seconds=max(1, drive_s)), now))
    return found


def _drive(row: Row[*tuple[Any, ...]], took: timedelta, now: datetime) -> DriveNow:
    due_at = row.taken_at + took
    return DriveNow(
        visit_id=row.visit_id,
        code=row.code,
        kind=row.kind,
        from_place_id=row.from_place_id,
        to_place_id=row.to_place_id,
        runner=row.name or row.runner_id,
        taken_at=row.taken_at,
        due_at=due_at,
        share=min(1.0, max(0.0, (now - row.taken_at) / took)),
        is_overdue=due_at < now,
    )


def _runners(session: Session, config: Config, now: datetime) -> list[RunnerNow]:
    since = now - timedelta(seconds=config.shift_forgotten_s)
    people = session.execute(
        select(PersonRow.id, PersonRow.name, PersonRow.roles, ShiftRow.place_id, ShiftRow.seen_at)
        .join(ShiftRow, ShiftRow.person_id == PersonRow.id)
        .where(ShiftRow.is_on, PersonRow.is_active, ShiftRow.seen_at > since)
        .order_by(PersonRow.name, PersonRow.id)
    ).all()
    moves = session.execute(
        select(
            MoveRow.runner_id,
            MoveRow.state,
            MoveRow.sent_at,
            MoveRow.from_place_id,
            MoveRow.to_place_id,
            MoveRow.visit_id,
            VisitRow.code,
        )
        .join(VisitRow, and_(VisitRow.id == MoveRow.visit_id, VISIT_IS_OPEN))
        .where(MoveRow.state.in_((OPEN, TAKEN)), MoveRow.runner_id.is_not(None))
        .order_by(MoveRow.planned_start_at.desc(), MoveRow.visit_id)
    ).all()
    # The first of them that counts comes last, and stays.
    given = {move.runner_id: move for move in sorted(moves, key=_rank)}
    return [_runner(person, given.get(person.id)) for person in people if RUNNER in person.roles]


def _rank(move: Row[*tuple[Any, ...]]) -> int:
    return 2 if move.state == TAKEN else int(move.sent_at is not None)


def _runner(person: Row[*tuple[Any, ...]], move: Row[*tuple[Any, ...]] | None) -> RunnerNow:
    if move is None:
        doing, place_id = IDLE, person.place_id
    elif move.state == TAKEN:
        doing, place_id = DRIVING, move.to_place_id
    else:
        doing = GIVEN if move.sent_at is None else ON_THE_WAY
        place_id = move.from_place_id
    return RunnerNow(
        id=person.id,
        name=person.name,
        doing=doing,
        place_id=place_id,
        visit_id=None if move is None else move.visit_id,
        code=None if move is None else move.code,
        seen_at=person.seen_at,
    )
