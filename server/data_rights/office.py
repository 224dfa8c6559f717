"""A driver whose link is gone comes to the office: who it is, what is known, and away with it.

Drivers do the same by themselves on their link's page (`server.driver.own`) for as long as it
opens. Here a person of the office does it, by the plate and the number that the driver names, and
that person stands among those who looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.phones import normalise_phone
from schemas.plates import normalise_plate
from schemas.problems import Refusal
from server import guest_looks, guests
from server.administration.record import DRIVER, ERASED, Act, Subject, note
from server.config import Config
from server.data_rights import held
from server.driver.takeout import takeout
from server.erasure import erase_records, give_up_photos
from server.master_key import MasterKey
from server.models import GuestRow, PersonRow, VisitRow

FORMAT = "valet-driver-visits"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Asker:
    """What a driver says of themselves: plate, phone, or both, as they are said."""

    plate: str
    phone: str


def visits_of(session: Session, key: MasterKey, asker: Asker) -> list[VisitRow]:
    """The visits whose record has all that the driver named, oldest first. Raises `Refusal`:
    `bad_plate`, `bad_phone`, `landline_phone`, or `bad_choice` where nothing was named."""
    named = []
    if asker.plate.strip():
        index = guests.index_of(key, "plate", normalise_plate(asker.plate))
        named.append(GuestRow.plate_index == index)
    if asker.phone.strip():
        index = guests.index_of(key, "phone", normalise_phone(asker.phone))
        named.append(GuestRow.phone_index == index)
    if not named:
        raise Refusal("bad_choice")
    found = (
        select(VisitRow)
        .join(GuestRow, GuestRow.ref == VisitRow.guest_ref)
        .where(GuestRow.sealed.is_not(None), *named)
        .order_by(VisitRow.received_at, VisitRow.id)
    )
    return list(session.scalars(found))


def export(
    session: Session, config: Config, key: MasterKey, asker: Asker, by: str, now: datetime
) -> dict[str, Any]:
    """Everything that is known of a driver, as one JSON document; `by` stands among those who
    looked. Raises `Refusal`: as `visits_of`, and `unknown_person`."""
    _check_person(session, by)
    return export_visits(session, config, key, visits_of(session, key, asker), by, now)


def export_visits(
    session: Session,
    config: Config,
    key: MasterKey,
    visits: Sequence[VisitRow],
    by: str,
    now: datetime,
) -> dict[str, Any]:
    """The same of visits that were found already."""
    guest_looks.note(session, [visit.id for visit in visits], by, guest_looks.OFFICE, now)
    session.flush()
    return {
        "format": FORMAT,
        "version": VERSION,
        "visits": [takeout(session, config, key, visit, now) for visit in visits],
    }


def erase(
    session: Session, key: MasterKey, asker: Asker, by: str, now: datetime
) -> tuple[list[str], list[str]]:
    """Erase a driver's records of visits that are over; their codes, and the codes of those that
    are still needed (`server.data_rights.held`). Raises `Refusal` as `export`."""
    _check_person(session, by)
    visits = visits_of(session, key, asker)
    needed = held.needed_for(session, visits)
    over = [visit for visit in visits if visit.id not in needed]
    _erase(session, [visit.id for visit in over], by, now)
    return [visit.code for visit in over], [visit.code for visit in visits if visit.id in needed]


def erase_visits(
    session: Session, visits: Sequence[VisitRow], act: Act, *, is_settled: bool
) -> None:
    """Erase the records of visits that were found already, and put it on record. `is_settled`: who
    does it says that no claim of theirs is open. Raises `Refusal("still_needed")`: then of all of
    them nothing is erased."""
    needed = set(held.needed_for(session, visits).values())
    if needed - ({held.CLAIM} if is_settled else set()):
        raise Refusal("still_needed")
    _erase(session, [visit.id for visit in visits], act.by, act.now)
    said = {"claim_settled": True} if needed else None
    for visit in visits:
        note(session, act, Subject(DRIVER, visit.id, visit.code), ERASED, None, said)


def _erase(session: Session, visit_ids: Sequence[str], by: str, now: datetime) -> None:
    guest_looks.note(session, visit_ids, by, guest_looks.OFFICE, now)
    if visit_ids:
        erase_records(session, visit_ids)
        give_up_photos(session, visit_ids, now)


def _check_person(session: Session, person_id: str) -> None:
    if session.get(PersonRow, person_id) is None:
        raise Refusal("unknown_person")
