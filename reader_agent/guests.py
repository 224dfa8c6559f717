"""Guest records as the station keeps them: beside the chain, and for as short as may be.

The phone number and the salt are wiped once the cloud has the record (both, because a salt with
a known plate would let anybody try all phone numbers against the digest in the chain). The plate
stays while the visit is open: staff read it back at hand-over.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.station_db import StationDB, Transaction
from schemas.guest import Guest


@dataclass(frozen=True, slots=True)
class KnownGuest:
    """What is left for the screens: the plate, and whether there is a phone to write to."""

    plate: str
    has_phone: bool


class Guests:
    """The `guest` table of the station's database."""

    def __init__(self, db: StationDB) -> None:
        self._db = db

    def add(self, work: Transaction, guest: Guest, seq: int) -> None:
        """Store a record with the number of the event that refers to it."""
        work.execute(
            "INSERT INTO guest VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                guest.ref,
                guest.visit_id,
                seq,
                guest.plate,
                guest.phone,
                int(guest.phone is not None),
                guest.salt,
            ),
        )

    def between(self, first_seq: int, last_seq: int) -> list[Guest]:
        """The records of these events that are still whole."""
        rows = self._db.rows(
            "SELECT ref, visit_id, plate, phone, salt FROM guest"
            " WHERE seq BETWEEN ? AND ? AND salt IS NOT NULL ORDER BY seq",
            (first_seq, last_seq),
        )
        return [Guest(**dict(row)) for row in rows]

    def known(self) -> dict[str, KnownGuest]:
        """Plate and phone flag of every visit received here that has not closed, by visit."""
        rows = self._db.rows("SELECT visit_id, plate, has_phone FROM guest")
        return {row["visit_id"]: KnownGuest(row["plate"], bool(row["has_phone"])) for row in rows}

    def wipe(self, work: Transaction, acked_seq: int) -> bool:
        """Wipe phone and salt of what the cloud has; what it refused keeps them. True if there
        was anything to wipe."""
        wiped = work.execute(
            "UPDATE guest SET phone = NULL, salt = NULL WHERE seq <= ? AND salt IS NOT NULL"
            " AND seq NOT IN (SELECT seq FROM event WHERE verdict = 'refused')",
            (acked_seq,),
        )
        return wiped.rowcount > 0

    def drop(self, work: Transaction, visit_id: str) -> None:
        """The visit has closed: nothing of a wiped record stays."""
        work.execute("DELETE FROM guest WHERE visit_id = ? AND salt IS NULL", (visit_id,))
