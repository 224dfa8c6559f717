"""The PINs of those who work at the stations: given here or chosen there, told to all of them.

Only the Argon2id text is ever here, sealed under the master key; the digits are shown once, to
whoever gave them. A station keeps that text sealed too. What that protects is in `SECURITY.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.district import MANAGER, STATION_ROLES, SUPERVISOR
from schemas.problems import Refusal
from schemas.staff_pin import PinCost, PinDocSchema
from server.administration.record import PERSON, PIN, Act, Subject, note
from server.bulk import table_of
from server.config import Config
from server.district import next_version
from server.master_key import MasterKey
from server.models import PersonRow, StaffPinRow

PURPOSE = "staff-pin"
_PINS = table_of(StaffPinRow)
_DOC = PinDocSchema()


@dataclass(frozen=True, slots=True)
class Given:
    """A PIN as it comes from a station: see `schemas.staff_pin.PinChangeSchema`."""

    id: str
    person_id: str
    verifier: str
    is_temporary: bool
    by: str
    reason: str | None
    at: datetime


def cost_of(config: Config) -> PinCost:
    """What a guess is to cost."""
    return PinCost(config.pin_memory_kib, config.pin_passes, config.pin_lanes)


def take(session: Session, key: MasterKey, given: Given, now: datetime) -> datetime:
    """Take over what was chosen or given at a station; since when the PIN that counts does.

    Of two changes the later one counts; one that comes again changes nothing. Raises `Refusal`
    `unknown_person`, and `not_allowed` for who may not give this person a PIN.
    """
    version = next_version(session)
    person, giver = session.get(PersonRow, given.person_id), session.get(PersonRow, given.by)
    if person is None or giver is None:
        raise Refusal("unknown_person")
    at = min(given.at, now)
    row = _row(session, person.id)
    if row.since is not None and (row.change_id == given.id or row.since >= at):
        return row.since
    if not _may_give(giver, person, given.reason):
        raise Refusal("not_allowed")
    _put(session, key, row, given.verifier, at, by=giver.id)
    row.change_id, row.is_temporary = given.id, given.is_temporary
    person.version = version
    act = Act(giver.id, given.reason or "own", now)
    note(session, act, _subject(person), PIN, None, {"is_temporary": given.is_temporary})
    return at


def give(session: Session, key: MasterKey, person_id: str, verifier: str, act: Act) -> None:
    """A PIN to begin with, which its owner changes at the first sign-in; it ends a lock by wrong
    tries. Raises `Refusal` `unknown_person`, `not_allowed` for who has no work at a station."""
    version = next_version(session)
    person = session.get(PersonRow, person_id)
    if person is None or not person.is_active:
        raise Refusal("unknown_person")
    if not has_station(person):
        raise Refusal("not_allowed")
    row = _row(session, person_id)
    _put(session, key, row, verifier, act.now, by=act.by)
    row.change_id, row.is_temporary = None, True
    person.version = version
    note(session, act, _subject(person), PIN, None, {"is_temporary": True})


def set_locked(session: Session, person_id: str, *, is_locked: bool, now: datetime) -> bool:
    """Let somebody's PIN open nothing, or open again with all wrong tries forgiven; whether that
    is new. The caller puts it on record. Raises `Refusal("unknown_person")`."""
    version = next_version(session)
    person = session.get(PersonRow, person_id)
    if person is None:
        raise Refusal("unknown_person")
    row = _row(session, person_id)
    was = row.is_locked
    row.is_locked = is_locked
    if not is_locked:
        row.unlocked_at = now
    person.version = version
    return was != is_locked


def is_locked(session: Session, person_id: str) -> bool:
    """Whether somebody was locked out by a manager, on the web too."""
    row = session.get(StaffPinRow, person_id)
    return row is not None and row.is_locked


def has_station(person: PersonRow) -> bool:
    """Whether the person works at stations at all."""
    return any(role in STATION_ROLES for role in person.roles)


def documents(
    session: Session, key: MasterKey, people: Collection[str]
) -> Mapping[str, Mapping[str, Any]]:
    """What stations are told of these people's PINs, by person; nobody without one is in it."""
    if not people:
        return {}
    rows = session.connection().execute(select(_PINS).where(_PINS.c.person_id.in_(people)))
    return {row.person_id: _document(key, row) for row in rows}


def _document(key: MasterKey, row: Any) -> Mapping[str, Any]:
    opened = None if row.sealed is None else key.unseal(PURPOSE, row.person_id, row.sealed)
    document: Mapping[str, Any] = _DOC.dump(
        {
            "verifier": None if opened is None else opened.decode(),
            "since": row.since,
            "is_temporary": row.is_temporary,
            "is_locked": row.is_locked,
            "unlocked_at": row.unlocked_at,
        }
    )
    return document


def _row(session: Session, person_id: str) -> StaffPinRow:
    row = session.get(StaffPinRow, person_id)
    if row is None:
        row = StaffPinRow(person_id=person_id, is_temporary=False, is_locked=False)
        session.add(row)
    return row


def _put(
    session: Session, key: MasterKey, row: StaffPinRow, verifier: str, at: datetime, *, by: str
) -> None:
    row.sealed = key.seal(PURPOSE, row.person_id, verifier.encode())
    row.since, row.set_by = at, by
    session.flush()


def _may_give(giver: PersonRow, person: PersonRow, reason: str | None) -> bool:
    if giver.id == person.id:
        return True
    wanted = {MANAGER} if MANAGER in person.roles else {MANAGER, SUPERVISOR}
    return giver.is_active and reason is not None and not wanted.isdisjoint(giver.roles)


def _subject(person: PersonRow) -> Subject:
    return Subject(PERSON, person.id, person.name)
