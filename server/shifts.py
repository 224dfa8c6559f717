"""Who is at work, and where: the fold of sign-ons and taps.

Who is on a break is not at work: whatever they tap next says that they are back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from schemas import events
from server import bulk
from server.bulk import table_of
from server.event_times import RECEIVED
from server.models import PersonRow, ShiftRow
from server.one_of import one_of

_RESTING = (events.SHIFT_SIGNED_OFF, events.SHIFT_PAUSED)
_PEOPLE, _SHIFTS = table_of(PersonRow), table_of(ShiftRow)
_LIVE = ("place_id", "seen_at", "is_on", "is_resting")
_KNOWN = select(_SHIFTS).where(one_of(_SHIFTS.c.person_id, "ids"))
_SET = (
    update(_SHIFTS)
    .where(_SHIFTS.c.person_id == bindparam("new_person_id"))
    .values({name: bindparam(f"new_{name}") for name in _LIVE})
)


class Tap(Protocol):
    """What an event says of its actor: a row of `events`, or what is to become one."""

    actor: str | None
    place_id: str | None
    type: str
    at: datetime
    time_source: str


def note(session: Session, taps: Sequence[Tap], version: int | None = None) -> None:
    """Let events move their actors: on a shift, off it, or to where the tap was made. Under
    `version` (None: nobody) the stations are told who came, went, rests or is back.

    A tap of which nobody knows when it was says nothing of where somebody is now. It counts once
    its time is known.
    """
    made = [(tap.actor, tap.place_id, tap) for tap in taps if tap.time_source != RECEIVED]
    actors = {actor for actor, place_id, _ in made if actor is not None and place_id is not None}
    if not actors:
        return
    session.flush()
    connection = session.connection()
    known = connection.execute(_KNOWN, {"ids": list(actors)}).mappings()
    shifts: dict[str, dict[str, Any]] = {shift["person_id"]: dict(shift) for shift in known}
    new: dict[str, dict[str, Any]] = {}
    changed: set[str] = set()
    news: set[str] = set()
    for actor, place_id, tap in made:
        if actor is None or place_id is None:
            continue
        shift = shifts.get(actor)
        if shift is None:
            shift = shifts[actor] = new[actor] = {"person_id": actor}
        elif shift["seen_at"] > tap.at:
            continue
        was = shift.get("is_on"), shift.get("is_resting")
        shift["place_id"], shift["seen_at"] = place_id, tap.at
        shift["is_on"] = tap.type not in _RESTING
        shift["is_resting"] = tap.type == events.SHIFT_PAUSED
        if was != (shift["is_on"], shift["is_resting"]) or tap.type == events.SHIFT_SIGNED_ON:
            news.add(actor)
        changed.add(actor)
    bulk.append(connection, _SHIFTS, list(new.values()))
    told = [shifts[actor] for actor in sorted(changed - new.keys())]
    if told:
        connection.execute(
            _SET, [{f"new_{name}": value for name, value in shift.items()} for shift in told]
        )
    if news and version is not None:
        connection.execute(update(_PEOPLE).where(_PEOPLE.c.id.in_(news)).values(version=version))
        session.expire_all()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where somebody works or rests; nobody is anywhere after the shift."""

    place_id: str
    is_resting: bool


def whereabouts(session: Session, people: Collection[str]) -> dict[str, Whereabouts]:
    """Of these people, those who are on a shift or on a break of one."""
    if not people:
        return {}
    rows = session.connection().execute(_KNOWN, {"ids": list(people)})
    return {
        row.person_id: Whereabouts(row.place_id, row.is_resting)
        for row in rows
        if row.is_on or row.is_resting
    }


_AT_WORK = (
    select(_PEOPLE.c.id, _SHIFTS.c.place_id, _PEOPLE.c.roles)
    .join(_SHIFTS, _SHIFTS.c.person_id == _PEOPLE.c.id)
    .where(_SHIFTS.c.is_on, _PEOPLE.c.is_active, _SHIFTS.c.seen_at > bindparam("since"))
    .order_by(_PEOPLE.c.id)
)


def at_work(session: Session, role: str, now: datetime, forgotten_s: int) -> list[tuple[str, str]]:
    """People of a role who are on a shift, by id, and where each was last seen; a shift that
    nobody ended is forgotten."""
    since = now - timedelta(seconds=forgotten_s)
    rows = session.connection().execute(_AT_WORK, {"since": since})
    return [(person_id, place_id) for person_id, place_id, roles in rows if role in roles]
