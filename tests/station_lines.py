"""A station's journal as bytes, for tests that send what a good station never would."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from schemas import events
from schemas.chain import genesis, seal
from schemas.guest import Guest
from server.ingest import Batch
from tests.visit_story import EVENING, RUNNER, VALET, steady_uuid

SALT = "ab" * 16
PHONE = "+50761234567"


class StationLines:
    """Makes sealed lines one after the other; every member of an event may be told otherwise."""

    def __init__(self, place_id: str, name: str = "journal") -> None:
        self.place_id = place_id
        self.station_id = f"station-{place_id}"
        self.journal_id = steady_uuid(name, place_id)
        self.head = genesis(self.journal_id)
        self.seq = 0
        self.guests: list[Guest] = []

    def line(self, kind: str = events.SHIFT_SIGNED_ON, **changes: Any) -> bytes:
        """The next line of the journal, 10 s after the one before it."""
        self.seq += 1
        # A fraction of a second of its own: nobody taps at two places in one microsecond.
        own_us = sum(self.place_id.encode())
        wall = EVENING + timedelta(seconds=10 * self.seq, microseconds=own_us)
        body: dict[str, Any] = {
            "v": events.WIRE_VERSION,
            "id": steady_uuid(self.journal_id, str(self.seq)),
            "type": kind,
            "seq": self.seq,
            "prev": self.head,
            "boot_id": "boot-1",
            "mono_ns": self.seq * 10**10,
            "wall": wall.isoformat(),
            "wall_synced": True,
            "actor": VALET,
            "place_id": self.place_id,
            "visit_id": None,
            "step": 0,
            "data": {},
        }
        line, self.head = seal({**body, **changes})
        return line

    def lines(self, count: int) -> list[bytes]:
        """So many lines that change no visit."""
        return [self.line() for _ in range(count)]

    def received(self, number: int, **changes: Any) -> bytes:
        """A car was taken in; the n-th car has the n-th tags."""
        visit_id = visit_id_of(number)
        guest = Guest(steady_uuid("guest", str(number)), visit_id, f"AB{number:04d}", PHONE, SALT)
        self.guests.append(guest)
        data = {
            "code": f"{self.place_id[0].upper()}-{number % 10_000:04d}",
            "key_tag": f"em4100:0B{number:08X}",
            "claim_tag": f"em4100:0C{number:08X}",
            "guest": {"ref": guest.ref, "digest": guest.digest()},
            "language": "es",
            **changes.pop("data", {}),
        }
        return self.line(
            events.VISIT_RECEIVED, **{"visit_id": visit_id, "step": 1, "data": data, **changes}
        )

    def requested(self, number: int, step: int, booth_id: str = "bolivar", **changes: Any) -> bytes:
        """Staff asked for the car on the driver's word."""
        data = {"booth_id": booth_id, "wanted_at": None, "source": "booth"}
        return self.of(events.VISIT_REQUESTED, number, step, data=data, **changes)

    def taken(self, number: int, step: int, move: str, to: str, **changes: Any) -> bytes:
        """A runner drove the car off."""
        data = {"move": move, "to_place_id": to}
        told = {"actor": RUNNER, **changes}
        return self.of(events.CAR_TAKEN, number, step, data=data, **told)

    def parked(self, number: int, step: int, **changes: Any) -> bytes:
        """The car stands in this lot."""
        told = {"actor": RUNNER, "data": {"stall": "1"}, **changes}
        return self.of(events.CAR_PARKED, number, step, **told)

    def handed_over(self, number: int, step: int, **changes: Any) -> bytes:
        """Keys and car went back to the driver."""
        told = {"data": {"proof": "code", "reason": None}, **changes}
        return self.of(events.VISIT_HANDED_OVER, number, step, **told)

    def of(self, kind: str, number: int, step: int, **changes: Any) -> bytes:
        """Any event of the n-th car."""
        return self.line(kind, **{"visit_id": visit_id_of(number), "step": step, **changes})

    def batch(self, lines: list[bytes], **changes: Any) -> Batch:
        """One sync request with these lines."""
        content: dict[str, Any] = {
            "station_id": self.station_id,
            "place_id": self.place_id,
            "journal_id": self.journal_id,
            "boot_id": "boot-1",
            "mono_ns": 10**15,
            "guests": tuple(self.guests),
            "lines": tuple(lines),
        }
        return Batch(**{**content, **changes})


def visit_id_of(number: int) -> str:
    """The id of the n-th car's visit."""
    return steady_uuid("visit", str(number))


def minutes_later(minutes: float) -> datetime:
    """So many minutes after the evening began."""
    return EVENING + timedelta(minutes=minutes)
