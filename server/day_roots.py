"""The root of a closed day: what is published of it, and the key that signs it.

The statement of a day covers its date, how many leaves it has, their root, when it was closed,
and the hash of the statement of the day before: a day that was changed later shows in every day
after it. It is signed with an Ed25519 key that comes from the master key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from sqlalchemy.orm import Session

from schemas.canonical import canonical_json
from server.master_key import MasterKey
from server.models import DayRootRow

# What the statement of the first day has in place of the hash of the one before.
NO_DAY = "0" * 64


@dataclass(frozen=True, slots=True)
class DayRoot:
    """What is published of a closed day. Hashes and signature are hex, times aware UTC."""

    date: str
    count: int
    root: str
    previous: str
    closed_at: datetime
    signature: str

    def statement(self) -> bytes:
        """The bytes that are signed, and whose hash the next day names."""
        told = {"type": "valet-day-root", **self.to_wire()}
        del told["signature"]
        return canonical_json(told)

    def to_wire(self) -> dict[str, str | int]:
        """The members as they are published."""
        return {
            "date": self.date,
            "count": self.count,
            "root": self.root,
            "previous": self.previous,
            "closed_at": self.closed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "signature": self.signature,
        }

    def hash(self) -> str:
        """What the next day names this one by."""
        return hashlib.sha256(self.statement()).hexdigest()

    def is_signed(self, public_key: str) -> bool:
        """Whether the owner of `public_key` (64 hex digits) signed it."""
        try:
            signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
            signer.verify(bytes.fromhex(self.signature), self.statement())
        except (InvalidSignature, ValueError):
            return False
        return True


def signing_key(key: MasterKey) -> Ed25519PrivateKey:
    """The key that signs roots and records."""
    return Ed25519PrivateKey.from_private_bytes(key.derive("ledger"))


def public_key(key: MasterKey) -> str:
    """The public half, as it is published: 64 hex digits."""
    return signing_key(key).public_key().public_bytes_raw().hex()


def read_root(row: DayRootRow) -> DayRoot:
    """What is published of a row."""
    return DayRoot(row.date, row.count, row.root, row.previous, row.closed_at, row.signature)


def root_on(session: Session, chosen: date) -> DayRoot | None:
    """The root of a day; None while it is not closed."""
    row = session.get(DayRootRow, chosen.isoformat())
    return None if row is None else read_root(row)
