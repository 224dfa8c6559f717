"""Booths and lots that work on while the cloud has its troubles: real stations with their real
sync, each by way of whichever door of the cloud answers, and cars that never stop coming.

with busy_street(kit, folder, ports) as street:
    street.drive_on(cars=4)              # four more cars come; all go as far as anybody knows
    street.settle()                      # everything that was recorded is in the cloud
    street.check()                       # once, unchanged, in order
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from reader_agent.clock import SystemClock
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config, Limits
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.sync import Sync
from schemas import states
from schemas.district import BOOTH
from schemas.signing import new_private_key, public_key_of
from server import clock as cloud_clock
from server.models import EventRow, JournalRow, QuarantineRow
from server.stations import add_station
from tests.cloud_kit import CloudKit
from tests.visit_story import BOOTHS, LOTS, claim_tag, key_tag, small_district

ANA, ROSA, TEO = "em4100:0A00000001", "em4100:0A00000002", "em4100:0A00000003"
RUNNER_AT = dict(zip(LOTS, (ROSA, TEO), strict=True))
CARS = 40
"""So many tags the small district has: no car gets another one's."""
DEADLINE_S = 120.0


class AnyDoor:
    """The way to a cloud with several doors, as a load balancer gives it: who finds one closed
    tries the next one at his next try."""

    def __init__(self, clients: Sequence[CloudClient], first: int) -> None:
        self._clients = clients
        self._at = first

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud.exchange`."""
        at = self._at
        try:
            return self._clients[at % len(self._clients)].exchange(asked)
        except CloudLost:
            self._at = at + 1
            raise

    def close(self) -> None:
        """See `Cloud.close`."""
        for client in self._clients:
            client.close()


@dataclass
class Car:
    """One car and how far it has come: the number of the deed that is next."""

    number: int
    booth_id: str
    lot_id: str
    visit_id: str
    deed: int = 0


@dataclass
class Street:
    """Use `busy_street`."""

    kit: CloudKit
    stations: dict[str, Station] = field(default_factory=dict)
    cars: list[Car] = field(default_factory=list)
    _syncs: list[Sync] = field(default_factory=list)
    _driving: set[str] = field(default_factory=set)

    def open(self, folder: Path, ports: Sequence[int]) -> None:
        """Let all places of the small district in, and wait until they know it."""
        for number, place in enumerate(small_district().places):
            config = Config(
                station_id=f"station-{place.id}",
                place_id=place.id,
                role="booth" if place.kind == BOOTH else "lot",
                letter=place.letter,
                data_dir=folder / place.id,
                cloud_url="",
                readers=(),
                asks_pin=False,
                limits=Limits(
                    long_poll_wait_s=5,
                    request_timeout_s=5,
                    backoff_cap_s=4,
                    tap_repeat_s=0,
                    actor_idle_s=3600,
                ),
            )
            self._open_station(config, ports, number)
        self.until(lambda: all(s.places() for s in self.stations.values()), "the district")
        for lot_id, badge in RUNNER_AT.items():
            self._tap(lot_id, badge)

    def _open_station(self, config: Config, ports: Sequence[int], first: int) -> None:
        private = new_private_key()
        public, place_id = public_key_of(private).hex(), config.place_id
        self.kit.database.write(
            lambda session: add_station(
                session, config.station_id, place_id, public, cloud_clock.now()
            )
        )
        station = Station(config, SystemClock(assume_synced=True))
        self.stations[place_id] = station
        clients = [CloudClient(_at_port(config, port), private, station.now) for port in ports]
        sync = station.sync_with(AnyDoor(clients, first))
        self._syncs.append(sync)
        sync.start()

    def close(self) -> None:
        """End all stations."""
        for sync in self._syncs:
            sync.stop()
        for station in self.stations.values():
            station.close()

    def drive_on(self, cars: int = 0) -> None:
        """So many more cars come, and every car is taken as far as its next place has heard of it.
        Whatever is recorded is durable at its station, with or without a cloud."""
        for _ in range(cars):
            self._receive()
        deeds = self._deeds()
        for car in self.cars:
            while car.deed < len(deeds) and deeds[car.deed](car):
                car.deed += 1

    def over(self) -> int:
        """How many cars are with their drivers again."""
        return sum(car.deed == len(self._deeds()) for car in self.cars)

    def _deeds(self) -> tuple[Callable[[Car], bool], ...]:
        """What becomes of a car, one after the other; each says whether it could be done yet."""
        return (
            *(self._drive_off, self._park, self._ask_for),
            *(self._fetch, self._make_ready, self._hand_over),
        )

    def _receive(self) -> None:
        number = len(self.cars) + 1
        assert number <= CARS
        booth_id = BOOTHS[number % len(BOOTHS)]
        self._tap(booth_id, ANA)
        self._tap(booth_id, key_tag(number))
        booth = self.stations[booth_id]
        phone = f"6{number:07d}"
        booth.edit_draft(plate=f"AB{number:04d}", phone=phone, claim_tag=claim_tag(number))
        visit_id = booth.receive().visit_id
        self.cars.append(Car(number, booth_id, LOTS[number % len(LOTS)], visit_id))

    def _drive_off(self, car: Car) -> bool:
        runner = RUNNER_AT[car.lot_id]
        # Nobody drives two cars.
        if runner in self._driving:
            return False
        self._tap(car.booth_id, runner)
        self.stations[car.booth_id].take(car.visit_id, car.lot_id)
        self._driving.add(runner)
        return True

    def _park(self, car: Car) -> bool:
        runner = RUNNER_AT[car.lot_id]
        if self._state(car.lot_id, car) != states.TO_LOT:
            return False
        self._tap(car.lot_id, runner)
        assert self._tap(car.lot_id, key_tag(car.number)) == states.CAR_PARKED
        self._driving.remove(runner)
        return True

    def _ask_for(self, car: Car) -> bool:
        if self._state(car.booth_id, car) != states.PARKED:
            return False
        self._tap(car.booth_id, ANA)
        self.stations[car.booth_id].request_car(car.visit_id, car.booth_id)
        return True

    def _fetch(self, car: Car) -> bool:
        runner = RUNNER_AT[car.lot_id]
        if self._state(car.lot_id, car) != states.REQUESTED or runner in self._driving:
            return False
        self._tap(car.lot_id, runner)
        self.stations[car.lot_id].take(car.visit_id, car.booth_id)
        self._driving.add(runner)
        return True

    def _make_ready(self, car: Car) -> bool:
        if self._state(car.booth_id, car) != states.TO_BOOTH:
            return False
        self._tap(car.booth_id, ANA)
        assert self._tap(car.booth_id, key_tag(car.number)) == states.CAR_READY
        self._driving.remove(RUNNER_AT[car.lot_id])
        return True

    def _hand_over(self, car: Car) -> bool:
        self._tap(car.booth_id, ANA)
        booth = self.stations[car.booth_id]
        self._tap(car.booth_id, key_tag(car.number))
        booth.hand_over(car.visit_id, states.PROOF_CLAIM_TAG, claim_tag=claim_tag(car.number))
        return True

    def _state(self, place_id: str, car: Car) -> str | None:
        visit = self.stations[place_id]._mirror.visit(car.visit_id)
        return None if visit is None else visit.state

    def _tap(self, place_id: str, tag: str) -> str | None:
        station = self.stations[place_id]
        arrival = Arrival(tag, "em125", station._clock.mono_ns(), confirmed=True)
        return station.on_arrival(arrival).event_type

    def until(self, look: Callable[[], bool], what: str) -> None:
        """Wait for something."""
        end = time.monotonic() + DEADLINE_S
        while not look():
            assert time.monotonic() < end, what
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until nothing is unsent and every station is on line."""
        self.until(
            lambda: all(
                status.unsent == 0 and status.online
                for status in (station.status() for station in self.stations.values())
            ),
            "everything is acknowledged",
        )

    def check(self) -> None:
        """Every journal is in the cloud as it is at its station, each event once, none refused,
        and the rows are what the events say."""
        rows = self.kit.rows(EventRow)
        heads = {row.id: row for row in self.kit.rows(JournalRow)}
        for station in self.stations.values():
            journal = station._journal
            lines = [line for _, line in journal.lines()]
            assert [row.line for row in rows if row.journal_id == journal.journal_id] == lines
            head = heads[journal.journal_id]
            assert (head.head_seq, head.broken_at_seq) == (len(lines), None)
        assert Counter(row.event_id for row in rows).most_common(1)[0][1] == 1
        assert self.kit.count(QuarantineRow) == 0
        assert self.kit.rebuilt() == []


def _at_port(config: Config, port: int) -> Config:
    return replace(config, cloud_url=f"http://127.0.0.1:{port}")


@contextmanager
def busy_street(kit: CloudKit, folder: Path, ports: Sequence[int]) -> Iterator[Street]:
    """All stations of the small district, on line, with runners at the lots."""
    street = Street(kit)
    try:
        street.open(folder, ports)
        yield street
    finally:
        street.close()
