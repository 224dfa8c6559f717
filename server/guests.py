"""Guest records at rest: sealed, found again by keyed index, erasable."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.guest import Guest
from server.master_key import MasterKey
from server.models import GuestRow

_PURPOSE = "guest"


def store(session: Session, key: MasterKey, guests: Iterable[Guest], now: datetime) -> None:
    """Keep records that came with their events; one that is known stays as it was."""
    fresh = {guest.ref: guest for guest in guests}
    known = session.scalars(select(GuestRow.ref).where(GuestRow.ref.in_(fresh)))
    for ref in set(fresh) - set(known):
        session.add(_sealed(key, fresh[ref], now))


def load(session: Session, key: MasterKey, ref: str) -> Guest | None:
    """The record, or None if it never came or was erased."""
    row = session.get(GuestRow, ref)
    return None if row is None else unseal(key, row)


def has_phone(session: Session, ref: str) -> bool:
    """Whether there is a number to write to, without opening the record."""
    row = session.get(GuestRow, ref)
    return row is not None and row.sealed is not None and row.phone_index is not None


def load_many(session: Session, key: MasterKey, refs: Iterable[str]) -> dict[str, Guest]:
    """The records that exist, by reference, in one query."""
    rows = session.scalars(select(GuestRow).where(GuestRow.ref.in_(list(refs))))
    opened = ((row.ref, unseal(key, row)) for row in rows)
    return {ref: guest for ref, guest in opened if guest is not None}


def unseal(key: MasterKey, row: GuestRow) -> Guest | None:
    """The record in a row, or None if it was erased."""
    if row.sealed is None:
        return None
    return Guest(**json.loads(key.unseal(_PURPOSE, row.ref, row.sealed)))


def index_of(key: MasterKey, kind: str, value: str) -> str:
    """The keyed index under which a plate or a phone is found: 64 hex digits."""
    return hmac.new(key.derive("index", kind), value.encode(), hashlib.sha256).hexdigest()


def _sealed(key: MasterKey, guest: Guest, now: datetime) -> GuestRow:
    plain = json.dumps(guest.to_wire()).encode()
    return GuestRow(
        ref=guest.ref,
        visit_id=guest.visit_id,
        sealed=key.seal(_PURPOSE, guest.ref, plain),
        plate_index=index_of(key, "plate", guest.plate),
        phone_index=None if guest.phone is None else index_of(key, "phone", guest.phone),
        received_at=now,
    )
