"""The runners as a planner sees them: where and when they are free, and until which break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, select

from schemas.district import RUNNER
from schemas.reception import RESTRICTING
from server.bulk import table_of
from server.config import Config
from server.dispatch.hours import windows_ahead
from server.dispatch.snapshot import Riding, Runner, Travel, Window
from server.models import DistrictRow, PersonRow, RideRow, ShiftRow
from server.visit_rows import OPEN, TAKEN

FAR = Travel(drive_s=600, empty_s=600)
RESTRICTING_KINDS = frozenset(RESTRICTING)
# How far ahead breaks are looked at.
_BREAKS_AHEAD = timedelta(hours=4)

_DISTRICTS, _PEOPLE, _SHIFTS = table_of(DistrictRow), table_of(PersonRow), table_of(ShiftRow)
_RIDES = table_of(RideRow)
_AT_WORK = (
    select(
        _PEOPLE.c.id,
        _PEOPLE.c.roles,
        _PEOPLE.c.licences,
        _PEOPLE.c.licence_until,
        _PEOPLE.c.breaks,
        _PEOPLE.c.wait_place_id,
        _PEOPLE.c.wait_since,
        _SHIFTS.c.place_id,
        _SHIFTS.c.seen_at,
        _RIDES.c.visit_id.label("ride_visit_id"),
        _RIDES.c.to_place_id.label("ride_to_id"),
        _RIDES.c.begun_at,
        _RIDES.c.ended_at,
        select(_DISTRICTS.c.timezone).scalar_subquery().label("timezone"),
    )
    .join(_SHIFTS, _SHIFTS.c.person_id == _PEOPLE.c.id)
    .outerjoin(_RIDES, _RIDES.c.passenger_id == _PEOPLE.c.id)
    .where(
        _SHIFTS.c.is_on,
        _PEOPLE.c.is_active,
        _PEOPLE.c.may_drive,
        _SHIFTS.c.seen_at > bindparam("since"),
    )
    .order_by(_PEOPLE.c.id)
)

TravelTimes = Mapping[tuple[str, str], Travel]
Move = Row[*tuple[Any, ...]]


def riding_rules(config: Config) -> Riding:
    """How colleagues may ride along."""
    return Riding(config.ride_seats, config.ride_wait_s, config.ride_gain_s)


def runners_seen(
    connection: Connection,
    config: Config,
    given: Sequence[Move],
    arrivals: Mapping[str, datetime],
    travel: TravelTimes,
    now: datetime,
) -> list[Runner]:
    """Who is at work and may drive. `given`: the moves that somebody drives (`arrivals`: until
    when) or is to drive."""
    since = now - timedelta(seconds=config.shift_forgotten_s)
    taken = {move.visit_id: move for move in given if move.state == TAKEN}
    driving = {move.runner_id: move for move in taken.values()}
    sent = {
        move.runner_id: move for move in given if move.state == OPEN and move.sent_at is not None
    }
    found = []
    for person in connection.execute(_AT_WORK, {"since": since}):
        if RUNNER not in person.roles or not _may_drive(person, now):
            continue
        place_id, seen_at = last_seen(person)
        move, errand = driving.get(person.id) or _rides_in(person, taken), sent.get(person.id)
        facts: dict[str, Any] = {"licences": _licences(person), "breaks": _breaks(person, now)}
        if move is not None and move.to_place_id is not None:
            facts |= {"is_driving": True, "came_from": move.from_place_id}
            found.append(Runner(person.id, move.to_place_id, arrivals[move.visit_id], **facts))
        elif errand is not None and errand.sent_at >= seen_at:
            found.append(_sent(config, person.id, place_id, errand, travel, now, facts))
        else:
            waits_at, since = person.wait_place_id, person.wait_since
            facts["is_away"] = waits_at not in (None, place_id) and since is not None
            found.append(Runner(person.id, place_id, now, **facts))
    return found


def last_seen(person: Move) -> tuple[str, datetime]:
    """Where and when a person was last known to be: by a tap, or by the car that brought them."""
    if person.ended_at is not None and person.ended_at >= person.seen_at:
        return person.ride_to_id, person.ended_at
    return person.place_id, person.seen_at


def _rides_in(person: Move, taken: Mapping[str, Move]) -> Move | None:
    """The drive under way that somebody goes along on; None for who was seen since it began."""
    is_on = person.begun_at is not None and person.ended_at is None
    if not is_on or person.seen_at > person.begun_at:
        return None
    return taken.get(person.ride_visit_id)


def _sent(
    config: Config,
    person_id: str,
    place_id: str,
    errand: Move,
    travel: TravelTimes,
    now: datetime,
    facts: dict[str, Any],
) -> Runner:
    """A runner who was sent to a car and was not seen since. Who should have been there long ago
    is perhaps not coming: others, if there are any, are thought to be quicker."""
    is_there = place_id == errand.from_place_id
    way = travel.get((place_id, errand.from_place_id), FAR)
    there_at = errand.sent_at + timedelta(seconds=0 if is_there else way.empty_s)
    lost = timedelta(seconds=config.runner_lost_s)
    if now - there_at > lost:
        return Runner(person_id, place_id, now + lost, **facts)
    if is_there:
        return Runner(person_id, place_id, now, **facts)
    facts |= {"sent_to": errand.from_place_id, "there_at": max(now, there_at)}
    return Runner(person_id, place_id, errand.sent_at, **facts)


def _may_drive(person: Row[*tuple[Any, ...]], now: datetime) -> bool:
    if person.licence_until is None:
        return True
    today = now.astimezone(ZoneInfo(person.timezone)).date().isoformat()
    return bool(today <= person.licence_until)


def _licences(person: Row[*tuple[Any, ...]]) -> frozenset[str]:
    return RESTRICTING_KINDS if person.licences is None else frozenset(person.licences)


def _breaks(person: Row[*tuple[Any, ...]], now: datetime) -> tuple[Window, ...]:
    if not person.breaks:
        return ()
    zone, until = ZoneInfo(person.timezone), now + _BREAKS_AHEAD
    return tuple(
        window
        for each in person.breaks
        for window in windows_ahead(zone, now, until, (each["from_time"], each["until_time"]))
    )
