"""What lies in a station's journal when the line comes back after a long outage: whole visits.

    outage = town.enrol("station-herrera", folder)   # see `town`
    learn_district(outage, cloud_url)
    live_through(outage, 10_000)
    with outage.station(copy, cloud_url) as (station, client):
        ...

Forty cars are on their way at any time, each through seven events: received with its guest's
record, taken, parked, asked for, taken, ready, handed over. One journal tells all of it, so that
no event waits for another station's; at a real booth the lot would tell of two of the seven.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from reader_agent.clock import FakeClock, SystemClock
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config
from reader_agent.journal import NewEvent
from reader_agent.station import Station
from schemas import events, states
from schemas.guest import Guest, new_salt
from schemas.ids import uuid7
from schemas.visit import Fact
from server import clock as cloud_clock
from tests.visit_story import OTHER_RUNNER, RUNNER, VALET, claim_tag, key_tag

PLACE, LOT = "herrera", "lote-norte"
CARS_AT_A_TIME = 40
EVENTS_A_VISIT = 7
EVENT_EVERY_S = 1.5
"""Ten thousand events are then some four hours: more than any district has, in no more time."""
A_COMMIT = 100


@dataclass
class Outage:
    """A station that was cut off: its folder, its key, and how many events it has to tell."""

    folder: Path
    private_key: bytes
    place_id: str
    station_id: str
    journal_id: str = ""

    def config(self, folder: Path, cloud_url: str) -> Config:
        """The settings of the station, with the limits that every station has by default."""
        return Config(
            asks_pin=False,
            station_id=self.station_id,
            place_id=self.place_id,
            role="booth",
            letter="H",
            data_dir=folder,
            cloud_url=cloud_url,
            readers=(),
        )

    @contextmanager
    def station(self, folder: Path, cloud_url: str) -> Iterator[tuple[Station, CloudClient]]:
        """A copy of the station in `folder`, which it makes, and its way to a cloud. That it
        started is one more event."""
        shutil.copytree(self.folder, folder)
        config = self.config(folder, cloud_url)
        station = Station(config, SystemClock(assume_synced=True))
        client = CloudClient(config, self.private_key, station.now)
        try:
            yield station, client
        finally:
            client.close()
            station.close()


def learn_district(outage: Outage, cloud_url: str) -> None:
    """The station's first words with a cloud: from then on it knows the district. It only asks:
    that it started is still to be told."""
    config = outage.config(outage.folder, cloud_url)
    station = Station(config, SystemClock(assume_synced=True))
    client = CloudClient(config, outage.private_key, station.now)
    while not station.places():
        asked = station.exchange.ask(limit_events=0, limit_bytes=0)
        station.exchange.take(client.exchange(asked), asked)
        outage.journal_id = str(asked.header["journal_id"])
    client.close()
    station.close()


def live_through(outage: Outage, count: int) -> None:
    """Let so many events be recorded, the last of which is that the station starts again."""
    began = cloud_clock.now() - timedelta(seconds=EVENT_EVERY_S * (count + 1))
    clock = FakeClock(mono_ns=10**12, wall=began, boot_id="before-the-outage")
    station = Station(outage.config(outage.folder, "http://127.0.0.1:9"), clock)
    # The agent's starts are events too: its first, this one, and the one when the line is back.
    deeds = list(_Street(count - 3, outage.place_id).evening())
    for first in range(0, len(deeds), A_COMMIT):
        _record(station, clock, deeds[first : first + A_COMMIT])
    assert station.status().unsent == count - 1
    station.close()


def sign_on(station: Station) -> None:
    """One event at a station that is at work, durable when this returns."""
    station._recorder.record(lambda _work: NewEvent(events.SHIFT_SIGNED_ON), VALET)


@dataclass(frozen=True, slots=True)
class _Deed:
    """One event and who did it; a reception brings its guest's record."""

    new: NewEvent
    actor: str
    guest: Guest | None = None


def _record(station: Station, clock: FakeClock, deeds: list[_Deed]) -> None:
    # As `Recorder` does it, but many to a commit: what lies on the disk is the same.
    journal, mirror = station._journal, station._mirror
    with station._db.transaction() as work:
        for deed in deeds:
            clock.advance(EVENT_EVERY_S)
            event = journal.append(work, deed.new, actor=deed.actor, place_id=station.place_id)
            if event.visit_id is not None:
                mirror.record(work, Fact(journal.journal_id, event, event.wall))
            if deed.guest is not None:
                journal.guests.add(work, deed.guest, event.seq)


@dataclass
class _Street:
    """The cars of an evening of so many events."""

    count: int
    place_id: str
    _next_car: int = 0
    _under_way: dict[int, Iterator[_Deed]] = field(default_factory=dict)

    def evening(self) -> Iterator[_Deed]:
        """Everything that happens, in order."""
        visits, rest = divmod(self.count, EVENTS_A_VISIT)
        people = (VALET, RUNNER, OTHER_RUNNER)
        for number in range(rest):
            yield _Deed(NewEvent(events.SHIFT_SIGNED_ON), people[number % len(people)])
        while True:
            # One more car at each turn until the street is full, so that they are not in step.
            if len(self._under_way) < CARS_AT_A_TIME and self._next_car < visits:
                slot = next(n for n in range(CARS_AT_A_TIME) if n not in self._under_way)
                self._under_way[slot] = iter(_visit(self.place_id, self._next_car, slot + 1))
                self._next_car += 1
            if not self._under_way:
                return
            for slot, deeds in list(self._under_way.items()):
                deed = next(deeds, None)
                if deed is None:
                    del self._under_way[slot]
                else:
                    yield deed


def _visit(place_id: str, number: int, tag: int) -> list[_Deed]:
    at = cloud_clock.now()
    guest = Guest(uuid7(at), uuid7(at), f"AB{number % 10_000:04d}", "+50761234567", new_salt())
    received: dict[str, Any] = {
        "code": f"H-{number % 10_000:04d}",
        "key_tag": key_tag(tag),
        "claim_tag": claim_tag(tag),
        "guest": {"ref": guest.ref, "digest": guest.digest()},
        "language": "es",
    }
    asked: dict[str, Any] = {"booth_id": place_id, "wanted_at": None, "source": "booth"}
    proof = {"proof": states.PROOF_CLAIM_TAG, "reason": None, "opened_by": "key_tag"}
    to_lot = {"move": states.PARK, "to_place_id": LOT}
    to_booth = {"move": states.RETRIEVE, "to_place_id": place_id}
    story: list[tuple[str, str, Mapping[str, Any]]] = [
        (events.VISIT_RECEIVED, VALET, received),
        (events.CAR_TAKEN, RUNNER, to_lot),
        (events.CAR_PARKED, RUNNER, {"stall": str(tag)}),
        (events.VISIT_REQUESTED, VALET, asked),
        (events.CAR_TAKEN, OTHER_RUNNER, to_booth),
        (events.CAR_READY, OTHER_RUNNER, {}),
        (events.VISIT_HANDED_OVER, VALET, proof),
    ]
    return [
        _Deed(NewEvent(kind, guest.visit_id, step, data), actor, guest if step == 1 else None)
        for step, (kind, actor, data) in enumerate(story, 1)
    ]
