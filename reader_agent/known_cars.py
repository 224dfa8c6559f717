"""Cars that were here before: what spares the valet some taps when they come again.

A plate stands here only as a digest under this station's own key, and of the phone at most the
last four digits: enough to notice a number that was mistyped, too little to call anybody. Where its
driver agreed to be written to, the reference to the record that holds the number is kept beside
them: the number itself is in the cloud only. What is older than `days` is forgotten.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reader_agent.station_db import StationDB, Transaction
from schemas.reception import Reception

_KEY = "known_car_key"
TAIL = 4


@dataclass(frozen=True, slots=True)
class KnownCar:
    """What was noted of a car when it was here last. `phone_tail`: the last digits of the number,
    None where this booth did not take it in; `guest_ref`: the record that has it, where its driver
    agreed."""

    colour: str | None
    handling: tuple[str, ...]
    language: str
    phone_tail: str | None
    guest_ref: str | None = None


class KnownCars:
    """The `known_car` table. `days` 0 keeps nothing."""

    def __init__(self, db: StationDB, *, days: int) -> None:
        self._db = db
        self._days = days
        self._swept_on: date | None = None
        rows = db.rows("SELECT value FROM meta WHERE key = ?", (_KEY,))
        self._key = bytes.fromhex(rows[0]["value"]) if rows else None

    def find(self, plate: str, now: datetime) -> KnownCar | None:
        """What is known of the car with this plate."""
        if self._key is None:
            return None
        rows = self._db.rows(
            "SELECT * FROM known_car WHERE digest = ? AND seen_at >= ?",
            (_digest(self._key, plate), self._oldest(now)),
        )
        if not rows:
            return None
        row = rows[0]
        handling = tuple(json.loads(row["handling"]))
        tail, ref = row["phone_tail"], row["guest_ref"]
        return KnownCar(row["colour"], handling, row["language"], tail, ref)

    def remember(
        self,
        work: Transaction,
        plate: str,
        reception: Reception,
        language: str,
        phone: str | None,
        now: datetime,
        guest_ref: str | None = None,
    ) -> None:
        """Note a car that came in, here or at another booth, which tells no phone. `guest_ref`: of
        the record with the number, where its driver agreed to be written to."""
        if not self._days or not plate:
            return
        # What nobody noted this time, and the number that another booth took, stay as they were.
        work.execute(
            "INSERT INTO known_car VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET"
            " colour = coalesce(excluded.colour, colour),"
            " handling = iif(excluded.handling = '[]', handling, excluded.handling),"
            " language = excluded.language,"
            " phone_tail = coalesce(excluded.phone_tail, phone_tail),"
            " guest_ref = coalesce(excluded.guest_ref, guest_ref),"
            " seen_at = max(excluded.seen_at, seen_at)",
            (
                _digest(self._key_in(work), plate),
                reception.colour,
                json.dumps(reception.handling),
                language,
                phone[-TAIL:] if phone else None,
                now.isoformat(timespec="seconds"),
                guest_ref,
            ),
        )
        if now.date() != self._swept_on:
            self._swept_on = now.date()
            work.execute("DELETE FROM known_car WHERE seen_at < ?", (self._oldest(now),))

    def _key_in(self, work: Transaction) -> bytes:
        if self._key is not None:
            return self._key
        # Several cars may be noted in the transaction that makes the key.
        fresh = (_KEY, secrets.token_bytes(32).hex())
        work.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", fresh)
        row = work.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
        key = bytes.fromhex(row["value"])
        work.after_commit(lambda: setattr(self, "_key", key))
        return key

    def _oldest(self, now: datetime) -> str:
        return (now - timedelta(days=self._days)).isoformat(timespec="seconds")


def _digest(key: bytes, plate: str) -> str:
    return hmac.digest(key, plate.encode(), "sha256").hex()
