"""Five booths and two lots on one clock, and the cloud as a process that can be away for hours.

    with five_booths(folder, database_url) as district:
        car = district.receive("herrera")
        district.meet()                      # everybody tells and hears everything
        district.cloud_dies()
        ...                                  # hours pass on `district.clock`
        took_s = district.cloud_returns()    # in real seconds, until all say the same

The stations are the real ones with their real sync over HTTP; only their clock is a fake one.
"""

from __future__ import annotations

import http.client
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from reader_agent.clock import FakeClock
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config, Limits
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.sync import Sync
from schemas import district as districts
from schemas import states
from schemas.signing import new_private_key, public_key_of
from server import clock as cloud_clock
from server.district import load_district
from server.master_key import MasterKey, load_master_key
from server.models import VisitRow
from server.stations import add_station
from tests.booth_process import free_port
from tests.cloud_kit import CloudKit, open_cloud
from tests.visit_story import claim_tag, key_tag, small_district

T = TypeVar("T")

BOOTHS = ("bolivar", "catedral", "francia", "herrera", "san-jose")
ANA, ROSA = "em4100:0A00000001", "em4100:0A00000002"
CARS = 300
OUTAGE_S = 4 * 3600
BEFORE_S = 1800
"""How long the evening goes on before the outage."""
DEADLINE_S = 90.0
LONG_AGO_FAILURES = 12
"""So many failures in a row bring a back-off to its cap, as hours of them do."""
_ROOT = Path(__file__).resolve().parents[2]


def wide_district() -> districts.District:
    """The small district with two booths and many tags more."""
    small = small_district()
    new = (
        districts.Place("catedral", districts.BOOTH, "Plaza Catedral", "C", 150, 10, 60, 4),
        districts.Place("san-jose", districts.BOOTH, "San José", "J", -30, -150, 60, 4),
    )
    places = tuple(
        replace(place, hooks=300, stalls=300 if place.stalls else 0)
        for place in (*small.places, *new)
    )
    ids = [place.id for place in places]
    return replace(
        small,
        places=places,
        tags=tuple(
            districts.Tag(make(number), kind, f"{letter}{number:03d}")
            for kind, letter, make in (
                (districts.KEY_TAG, "K", key_tag),
                (districts.CLAIM_TAG, "C", claim_tag),
            )
            for number in range(1, CARS + 1)
        ),
        travel=tuple(
            districts.Travel(origin, to, 300, 240) for origin in ids for to in ids if origin != to
        ),
    )


@dataclass(frozen=True, slots=True)
class Car:
    """One car with its tags."""

    number: int
    visit_id: str
    booth_id: str

    @property
    def key(self) -> str:
        """The tag on its keys."""
        return key_tag(self.number)

    @property
    def claim(self) -> str:
        """The tag that its driver has."""
        return claim_tag(self.number)


@dataclass
class FiveBooths:
    """Use `five_booths`."""

    kit: CloudKit
    folder: Path
    clock: FakeClock
    port: int = field(default_factory=free_port)
    stations: dict[str, Station] = field(default_factory=dict)
    cars: list[Car] = field(default_factory=list)
    _clients: dict[str, CloudClient] = field(default_factory=dict)
    _syncs: list[Sync] = field(default_factory=list)
    _cloud: subprocess.Popen[bytes] | None = None
    _began_ns: int = 0

    def open(self) -> None:
        """The cloud as it was before the outage, and every station with the district."""
        self._began_ns = self.clock.mono_ns()
        self.kit.database.write(lambda session: load_district(session, wide_district()))
        self._start_cloud(OUTAGE_S + BEFORE_S)
        for place in wide_district().places:
            self._open_station(place)
        self.meet()

    def close(self) -> None:
        """End all that runs."""
        for sync in self._syncs:
            sync.stop()
        for client in self._clients.values():
            client.close()
        for station in self.stations.values():
            station.close()
        self.cloud_dies()

    # What people do.

    def tap(self, place_id: str, tag: str) -> str | None:
        """Lay a tag on a reader; the type of the event that came of it."""
        self.clock.advance(6)
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
        return self.stations[place_id].on_arrival(arrival).event_type

    def receive(self, booth_id: str) -> Car:
        """Ana takes a car in."""
        number = len(self.cars) + 1
        self.tap(booth_id, ANA)
        self.tap(booth_id, key_tag(number))
        booth = self.stations[booth_id]
        booth.edit_draft(plate=f"AB{number:04d}", phone="61234567", claim_tag=claim_tag(number))
        car = Car(number, booth.receive().visit_id, booth_id)
        self.cars.append(car)
        return car

    def drive_off(self, car: Car, place_id: str, to_place_id: str) -> None:
        """Rosa takes the car from a place to another."""
        self.tap(place_id, ROSA)
        self.stations[place_id].take(car.visit_id, to_place_id)

    def park(self, car: Car, lot_id: str) -> None:
        """Rosa hangs the key up in the lot."""
        self.tap(lot_id, ROSA)
        assert self.tap(lot_id, car.key) == "car.parked"

    def make_ready(self, car: Car, booth_id: str) -> None:
        """The driver asks for the car at a booth, and then its key comes there."""
        self.tap(booth_id, ANA)
        self.stations[booth_id].request_car(car.visit_id, booth_id)
        assert self.tap(booth_id, car.key) == "car.ready"

    def hand_over(self, car: Car, booth_id: str) -> None:
        """Key tag, claim tag, gone."""
        self.tap(booth_id, ANA)
        booth = self.stations[booth_id]
        self.tap(booth_id, car.key)
        booth.hand_over(car.visit_id, states.PROOF_CLAIM_TAG, claim_tag=car.claim)

    # The cloud.

    @property
    def master_key(self) -> MasterKey:
        """The cloud's key."""
        return load_master_key(self.kit.config.key_file)

    def meet(self) -> None:
        """Everybody exchanges until there is nothing new."""
        for _ in range(2):
            self.meet_at(*self.stations)

    def evening_goes_on(self) -> None:
        """What is left of the time before the outage passes, for the cloud too."""
        left_ns = self._began_ns + BEFORE_S * 10**9 - self.clock.mono_ns()
        assert left_ns > 0
        self.clock.advance(left_ns / 10**9)
        self.cloud_dies()
        self._start_cloud(OUTAGE_S)
        self.meet()

    def meet_at(self, *place_ids: str) -> None:
        """These stations exchange, one after the other."""
        for place_id in place_ids:
            self._meet(self.stations[place_id], self._clients[place_id])

    def cloud_dies(self) -> None:
        """SIGKILL to all of its processes."""
        if self._cloud is not None:
            os.killpg(self._cloud.pid, 9)
            self._cloud.wait(DEADLINE_S)
            self._cloud = None

    def cloud_returns(self, seed: int) -> float:
        """It answers again, in the present; every station finds that out by itself. The real
        seconds from its first answer until all queues are empty and all say the same."""
        self._let_loose(seed)
        self._start_cloud(0)
        began = time.monotonic()
        self.until(self.is_converged, "all stations and the cloud agree")
        return time.monotonic() - began

    def until(self, look: Callable[[], T], what: str) -> T:
        """What `look` finds, asked again while real time passes on the stations' clock too."""
        began = before = time.monotonic()
        while not (found := look()):
            assert time.monotonic() - began < DEADLINE_S, f"{what}: {self.differences()}"
            time.sleep(0.05)
            now = time.monotonic()
            self.clock.advance(now - before)
            before = now
        return found

    def is_converged(self) -> bool:
        """Whether nothing is unsent and every mirror says what the cloud says."""
        if any(station.status().unsent for station in self.stations.values()):
            return False
        return not self.differences()

    def differences(self) -> list[str]:
        """Where a mirror says something else of the open visits than the cloud."""
        rows = {row.id: row.state for row in self.kit.rows(VisitRow) if row.is_open}
        return [
            f"{place_id}: {len(states_there)} open, cloud {len(rows)}"
            for place_id, states_there in self.mirrors().items()
            if states_there != rows
        ]

    def mirrors(self) -> dict[str, dict[str, str]]:
        """The state of every open visit as each place knows it."""
        return {
            place_id: {visit.id: visit.state for visit in station._mirror.visits()}
            for place_id, station in self.stations.items()
        }

    def _let_loose(self, seed: int) -> None:
        """The loops of all stations, in the middle of the rests that hours of failures bring."""
        chance = random.Random(seed)
        for place_id, station in self.stations.items():
            sync = station.sync_with(self._clients[place_id])
            for backoff in (sync._push_backoff, sync._pull_backoff):
                backoff._jitter = chance.random
                backoff._failures = LONG_AGO_FAILURES
            self._syncs.append(sync)
            sync.start()
        for sync in self._syncs:
            self.until(
                lambda sync=sync: sync._pull_backoff._failures > LONG_AGO_FAILURES,  # type: ignore[misc]
                "every station has tried in vain",
            )

    def _meet(self, station: Station, client: CloudClient) -> None:
        exchange = station.exchange
        while True:
            asked = exchange.ask(limit_events=500, limit_bytes=262_144)
            answer = client.exchange(asked)
            exchange.take(answer, asked)
            station.uplink.succeeded()
            if not exchange.has_unsent() and not answer["more"] and not answer["changes"]:
                return

    def _open_station(self, place: districts.Place) -> None:
        config = Config(
            asks_pin=False,
            station_id=f"station-{place.id}",
            place_id=place.id,
            role="booth" if place.kind == districts.BOOTH else "lot",
            letter=place.letter,
            data_dir=self.folder / place.id,
            cloud_url=f"http://127.0.0.1:{self.port}",
            readers=(),
            limits=Limits(long_poll_wait_s=2),
        )
        private = new_private_key()
        public = public_key_of(private).hex()
        self.kit.database.write(
            lambda session: add_station(
                session, config.station_id, place.id, public, cloud_clock.now()
            )
        )
        station = Station(config, self.clock)
        self.stations[place.id] = station
        self._clients[place.id] = CloudClient(config, private, station.now)

    def _start_cloud(self, ago_s: float) -> None:
        env = {
            **os.environ,
            "VALET_SERVER_DATA_DIR": str(self.kit.config.data_dir),
            "VALET_SERVER_DATABASE_URL": self.kit.config.database_url,
            "VALET_SERVER_PORT": str(self.port),
        }
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._cloud = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.shifted_server", str(ago_s)],
                cwd=_ROOT,
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        end = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self._cloud.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def five_booths(folder: Path, database_url: str) -> Iterator[FiveBooths]:
    """The district, everybody on line, four hours ago."""
    with open_cloud(folder / "cloud", database_url) as kit:
        wall = datetime.now(UTC) - timedelta(seconds=OUTAGE_S + BEFORE_S)
        district = FiveBooths(kit, folder, FakeClock(mono_ns=10**12, wall=wall))
        try:
            district.open()
            yield district
        finally:
            district.close()
