"""A booth whose clock cannot be trusted, and a cloud that knows what time it is.

    with wrong_clock(folder, database_url) as scene:
        scene.boot(wrong_by=timedelta(hours=2))      # the Pi starts; no network has set its clock
        scene.receive()
        scene.passes(300)                            # true time, on every clock
        scene.meet()                                 # over HTTP, signed with the booth's time

`scene.truth` has the true time of every event, by its sequence.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from werkzeug.serving import make_server

from reader_agent.clock import FakeClock
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config
from reader_agent.presence import Arrival
from reader_agent.station import Station
from schemas import states
from server import clock as cloud_clock
from server.models import EventRow
from server.reports.day import day_at
from server.reports.day_report import DayReport, day_report
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import PRIVATE_KEY, CloudDoor
from tests.visit_story import claim_tag, key_tag, small_district

PLACE_ID, STATION_ID = "herrera", "station-herrera"
ANA = "em4100:0A00000001"
# Ten in the evening of 20 November 2026 in Panama.
EVENING = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
PANAMA = ZoneInfo("America/Panama")


@dataclass
class WrongClock:
    """Use `wrong_clock`."""

    kit: CloudKit
    url: str
    folder: Path
    now: datetime = EVENING
    truth: list[datetime] = field(default_factory=list)
    cars: int = 0
    _boots: int = 0
    _station: Station | None = None
    _clock: FakeClock | None = None
    _client: CloudClient | None = None

    @property
    def station(self) -> Station:
        """The booth in its present life."""
        assert self._station is not None
        return self._station

    @property
    def clock(self) -> FakeClock:
        """The booth's clock."""
        assert self._clock is not None
        return self._clock

    def boot(self, wrong_by: timedelta = timedelta(0), *, synced: bool = False) -> None:
        """The power comes (back): a new boot, with a wall clock that is off by so much."""
        self.off()
        self._boots += 1
        boot_id = f"00000000-0000-4000-8000-{self._boots:012d}"
        wall = self.now + wrong_by
        self._clock = FakeClock(mono_ns=5 * 10**9, wall=wall, wall_synced=synced, boot_id=boot_id)
        config = Config(
            asks_pin=False,
            station_id=STATION_ID,
            place_id=PLACE_ID,
            role="booth",
            letter="H",
            data_dir=self.folder / "station",
            cloud_url=self.url,
            readers=(),
        )
        self._station = Station(config, self._clock)
        self._client = CloudClient(config, PRIVATE_KEY, self._station.now)
        self._note()

    def off(self) -> None:
        """The power goes."""
        if self._station is not None and self._client is not None:
            self._client.close()
            self._station.close()
            self._station = self._client = None

    def passes(self, duration_s: float) -> None:
        """Time, on every clock alike."""
        self.now += timedelta(seconds=duration_s)
        if self._clock is not None:
            self._clock.advance(duration_s)

    def wall_steps(self, by: timedelta, *, synced: bool = True) -> None:
        """The booth's wall clock is set to something else."""
        self.clock.set_wall(self.clock.wall() + by, synced=synced)

    def meet(self) -> None:
        """Exchange until nothing is unsent and nothing new."""
        assert self._client is not None
        exchange = self.station.exchange
        while True:
            asked = exchange.ask(limit_events=500, limit_bytes=262_144)
            answer = self._client.exchange(asked)
            exchange.take(answer, asked)
            if not exchange.has_unsent() and not answer["more"] and not answer["changes"]:
                return

    def tap(self, tag: str) -> str | None:
        """Lay a tag on the reader; the type of the event that came of it."""
        self.passes(6)
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
        kind = self.station.on_arrival(arrival).event_type
        self._note()
        return kind

    def receive(self) -> str:
        """Ana takes a car in; the visit's id."""
        self.cars += 1
        self.tap(ANA)
        self.tap(key_tag(self.cars))
        self.station.edit_draft(
            plate=f"AB{self.cars:04d}", phone="61234567", claim_tag=claim_tag(self.cars)
        )
        visit_id = self.station.receive().visit_id
        self._note()
        return visit_id

    def ask_for(self, visit_id: str) -> None:
        """The driver wants it here, now."""
        self.tap(ANA)
        self.station.request_car(visit_id, PLACE_ID)
        self._note()

    def ready(self) -> None:
        """The key of the last car is laid down: it is ready."""
        self.tap(ANA)
        assert self.tap(key_tag(self.cars)) == "car.ready"

    def hand_over(self, visit_id: str) -> None:
        """Against its claim tag."""
        self.tap(ANA)
        self.tap(key_tag(self.cars))
        claim = claim_tag(self.cars)
        self.station.hand_over(visit_id, states.PROOF_CLAIM_TAG, claim_tag=claim)
        self._note()

    def rows(self) -> list[EventRow]:
        """The station's events in the cloud, in their order."""
        journal_id = self.station._journal.journal_id
        return [row for row in self.kit.rows(EventRow) if row.journal_id == journal_id]

    def off_by_s(self) -> list[float]:
        """How far the cloud's time of each event is from the truth."""
        rows = self.rows()
        assert len(rows) == len(self.truth)
        pairs = zip(rows, self.truth, strict=True)
        return [abs((row.at - at).total_seconds()) for row, at in pairs]

    def report(self) -> DayReport:
        """The manager's day, now."""
        day = day_at(self.now, PANAMA, self.kit.config.day_starts_hour)
        return self.kit.database.read(
            lambda session: day_report(session, self.kit.config, day, None, self.now)
        )

    def _note(self) -> None:
        """Write down when what is new in the journal really happened."""
        new = self.station._journal.head_seq() - len(self.truth)
        self.truth += [self.now] * new


@contextmanager
def wrong_clock(folder: Path, database_url: str) -> Iterator[WrongClock]:
    """The cloud on a loopback port, under the scene's clock; no booth yet."""
    door = CloudDoor(folder / "cloud", database_url)
    kit = CloudKit(door.services.database, door.services.config)
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    scene = WrongClock(kit, f"http://127.0.0.1:{server.server_port}", folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    now: Any = lambda: scene.now  # noqa: E731
    with mock.patch.object(cloud_clock, "now", now):
        door.load(small_district(), (STATION_ID, PLACE_ID))
        thread.start()
        try:
            yield scene
        finally:
            scene.off()
            server.shutdown()
            server.server_close()
            thread.join(10)
            door.close()
