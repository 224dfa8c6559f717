"""Guest records at rest: sealed, found again by keyed index, erasable."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from schemas.guest import Guest
from schemas.visit import Visit
from server import bulk
from server.bulk import table_of
from server.database import insert_missing
from server.master_key import MasterKey
from server.models import GuestRow, OtherGuestRow, VisitRow
from server.one_of import one_of

log = structlog.get_logger()

_GUESTS, _VISITS = table_of(GuestRow), table_of(VisitRow)
_PURPOSE = "guest"

_KNOWN = select(_GUESTS.c.ref).where(one_of(_GUESTS.c.ref, "refs"))
_WITH_PHONE = _KNOWN.where(_GUESTS.c.sealed.is_not(None), _GUESTS.c.phone_index.is_not(None))
_TOLD = select(_VISITS.c.guest_ref, _VISITS.c.guest_digest).where(one_of(_VISITS.c.id, "ids"))


def take_in(
    session: Session,
    key: MasterKey,
    records: Sequence[Guest],
    begun: Sequence[Visit],
    now: datetime,
) -> None:
    """Keep records that came with events; `begun` are the visits that the cloud has just learned
    of.

    An event names its record's digest. A record that is another one is set apart for a person:
    it may hold somebody else's number. What came before its event is compared when that comes.
    """
    if not records and not begun:
        return
    told = {visit.guest_ref: visit.guest_digest for visit in begun}
    came = {record.ref for record in records}
    late = [record.visit_id for record in records if record.ref not in told]
    if late:
        known = session.connection().execute(_TOLD, {"ids": late})
        told.update({ref: digest for ref, digest in known})  # noqa: C416
    good: dict[str, Guest] = {}
    other: list[Guest] = []
    for record in records:
        if told.get(record.ref) in (None, record.digest()):
            # Two of one name may come together: as if one after the other, the first stays.
            good.setdefault(record.ref, record)
        else:
            other.append(record)
    store(session, key, _with_phones(session, key, list(good.values())), now)
    for record in other:
        _set_apart(session, key, record, now)
    _compare_earlier(session, key, {ref: told[ref] for ref in told if ref not in came}, now)


def _with_phones(session: Session, key: MasterKey, records: Sequence[Guest]) -> list[Guest]:
    """The records with the numbers that they refer to: of one and the same car, and not erased."""
    came = {record.ref: record for record in records}
    refs = {record.phone_ref for record in records if record.phone_ref is not None}
    known = load_many(session, key, refs - came.keys())
    found = []
    for record in records:
        if record.phone_ref is not None:
            before = came.get(record.phone_ref) or known.get(record.phone_ref)
            if before is not None and before.plate == record.plate:
                record = replace(record, phone=before.phone)
        came[record.ref] = record
        found.append(record)
    return found


def store(session: Session, key: MasterKey, guests: Iterable[Guest], now: datetime) -> None:
    """Keep records; one that is known stays as it was."""
    fresh = {guest.ref: guest for guest in guests}
    if not fresh:
        return
    connection = session.connection()
    for ref in connection.scalars(_KNOWN, {"refs": list(fresh)}).all():
        del fresh[ref]
    bulk.append(connection, _GUESTS, [_sealed(key, guest, now) for guest in fresh.values()])


def _compare_earlier(
    session: Session, key: MasterKey, told: Mapping[str, str], now: datetime
) -> None:
    if not told:
        return
    for ref, guest in load_many(session, key, told).items():
        if guest.digest() != told[ref]:
            _set_apart(session, key, guest, now)
            session.execute(delete(_GUESTS).where(_GUESTS.c.ref == ref))


def _set_apart(session: Session, key: MasterKey, guest: Guest, now: datetime) -> None:
    is_new = insert_missing(
        session,
        OtherGuestRow,
        ref=guest.ref,
        digest=guest.digest(),
        visit_id=guest.visit_id,
        sealed=key.seal(_PURPOSE, guest.ref, _plain(guest)),
        received_at=now,
    )
    if is_new:
        log.error("guest_record_set_apart", visit=guest.visit_id)


def load(session: Session, key: MasterKey, ref: str) -> Guest | None:
    """The record, or None if it never came or was erased."""
    row = session.get(GuestRow, ref)
    return None if row is None else unseal(key, row)


def with_phone(session: Session, refs: Collection[str]) -> set[str]:
    """Those of these records that have a number to write to, without opening them."""
    if not refs:
        return set()
    return set(session.connection().scalars(_WITH_PHONE, {"refs": list(refs)}))


def has_other(session: Session, visit_id: str) -> bool:
    """Whether a record was set apart that came for the visit and is not the one of its event."""
    other = select(OtherGuestRow.ref).where(OtherGuestRow.visit_id == visit_id).limit(1)
    return session.scalar(other) is not None


def load_many(session: Session, key: MasterKey, refs: Iterable[str]) -> dict[str, Guest]:
    """The records that exist, by reference, in one query."""
    asked = list(refs)
    if not asked:
        return {}
    rows = session.scalars(select(GuestRow).where(GuestRow.ref.in_(asked)))
    opened = ((row.ref, unseal(key, row)) for row in rows)
    return {ref: guest for ref, guest in opened if guest is not None}


def unseal(key: MasterKey, row: GuestRow) -> Guest | None:
    """The record in a row, or None if it was erased."""
    if row.sealed is None:
        return None
    return Guest(**json.loads(key.unseal(_PURPOSE, row.ref, row.sealed)))


def index_of(key: MasterKey, kind: str, value: str) -> str:
    """The keyed index under which a plate or a phone is found: 64 hex digits."""
    return hmac.digest(_index_key(key, kind), value.encode(), "sha256").hex()


@lru_cache(maxsize=8)
def _index_key(key: MasterKey, kind: str) -> bytes:
    return key.derive("index", kind)


def _plain(guest: Guest) -> bytes:
    return json.dumps(guest.to_wire()).encode()


def _sealed(key: MasterKey, guest: Guest, now: datetime) -> dict[str, object]:
    return {
        "ref": guest.ref,
        "visit_id": guest.visit_id,
        "sealed": key.seal(_PURPOSE, guest.ref, _plain(guest)),
        "plate_index": index_of(key, "plate", guest.plate),
        "phone_index": None if guest.phone is None else index_of(key, "phone", guest.phone),
        "received_at": now,
    }
