"""Guest records as the station keeps them: beside the chain, and for as short as may be.

The phone number and the salt are wiped once the cloud has the record (both, because a salt with
a known plate would let anybody try all phone numbers against the digest in the chain). The plate
stays while the visit is open: staff read it back at hand-over. All three are sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reader_agent.record_box import open_text, seal_text
from reader_agent.station_db import StationDB, Transaction
from schemas.guest import Guest

_SEALED = frozenset({"plate", "phone", "salt"})


@dataclass(frozen=True, slots=True)
class KnownGuest:
    """What is left for the screens: the plate, and whether there is a phone to write to."""

    plate: str
    has_phone: bool


class Guests:
    """The `guest` table of the station's database. A `seq` below 1 is of a journal before."""

    def __init__(self, db: StationDB) -> None:
        self._db = db

    def add(self, work: Transaction, guest: Guest, seq: int) -> None:
        """Store a record with the number of the event that refers to it."""
        work.execute(
            "INSERT INTO guest VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                guest.ref,
                guest.visit_id,
                seq,
                self._sealed(guest.ref, guest.plate),
                self._sealed(guest.ref, guest.phone),
                int(guest.has_phone),
                self._sealed(guest.ref, guest.salt),
                guest.phone_ref,
            ),
        )

    def between(self, first_seq: int, last_seq: int) -> list[dict[str, str | None]]:
        """The records of these events that are still whole, as they travel (`Guest.to_wire`)."""
        rows = self._db.rows(
            "SELECT ref, visit_id, plate, phone, salt, phone_ref FROM guest"
            " WHERE seq BETWEEN ? AND ? AND salt IS NOT NULL ORDER BY seq",
            (first_seq, last_seq),
        )
        opened = [self._opened(dict(row)) for row in rows]
        return [Guest(**row).to_wire() for row in opened if row["plate"] and row["salt"]]

    def known(self) -> dict[str, KnownGuest]:
        """Plate and phone flag of every visit received here that has not closed, by visit."""
        rows = self._db.rows("SELECT ref, visit_id, plate, has_phone FROM guest")
        opened = [self._opened(dict(row)) for row in rows]
        return {
            row["visit_id"]: KnownGuest(row["plate"] or "", bool(row["has_phone"]))
            for row in opened
        }

    def _sealed(self, ref: str, text: str | None) -> str | None:
        return None if text is None else seal_text(self._db.box, ref, text)

    def _opened(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row in plain; None for what another key has sealed."""
        for name in _SEALED & row.keys():
            if row[name] is not None:
                row[name] = open_text(self._db.box, row["ref"], row[name])
        return row

    def wipe(self, work: Transaction, acked_seq: int) -> bool:
        """Wipe phone and salt of what the cloud has; what it refused keeps them. True if there
        was anything to wipe."""
        wiped = work.execute(
            "UPDATE guest SET phone = NULL, salt = NULL"
            " WHERE seq BETWEEN 1 AND ? AND salt IS NOT NULL"
            " AND seq NOT IN (SELECT seq FROM event WHERE verdict = 'refused')",
            (acked_seq,),
        )
        return wiped.rowcount > 0

    def put_aside(self, work: Transaction) -> None:
        """The journal begins anew: no record belongs to a number of it, so all go below 1."""
        row = work.execute("SELECT max(seq) AS most, min(seq) AS least FROM guest").fetchone()
        if row["most"] is not None:
            # Further than from the last to the first, so that no two meet on the way.
            shift = row["most"] - min(0, row["least"]) + 1
            work.execute("UPDATE guest SET seq = seq - ?", (shift,))

    def move(self, work: Transaction, ref: str, seq: int) -> None:
        """The event that refers to a record has another number now."""
        work.execute("UPDATE guest SET seq = ? WHERE ref = ?", (seq, ref))

    def drop(self, work: Transaction, visit_ids: Iterable[str]) -> None:
        """The visits have closed: nothing of a wiped record stays."""
        work.executemany(
            "DELETE FROM guest WHERE visit_id = ? AND salt IS NULL",
            [(visit_id,) for visit_id in visit_ids],
        )
