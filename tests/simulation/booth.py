"""One station's machine: the real agent on its card, its line and its clock, and its ends."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reader_agent.cloud import Cloud
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config, Limits
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.sync import Sync
from reader_agent.tap_outcome import TapOutcome
from schemas.chain import ChainError, genesis, seal, unseal
from schemas.district import Place
from schemas.events import EventError, read_event
from schemas.ids import uuid7
from schemas.problems import Refusal
from tests.simulation.clocks import StationClock
from tests.simulation.disk import AgentKilled, Disk
from tests.simulation.hub import Hub
from tests.simulation.network import Direct, Line, Pool
from tests.simulation.trace import Trace


class Down(Exception):
    """Nobody can do anything at this station now: its agent does not run."""


class Broken(BaseException):
    """An invariant does not hold; `number` is its number in DESIGN section 9.

    Not an `Exception`: nothing in the code under test may swallow it.
    """

    def __init__(self, number: int | str, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Image:
    """A copy of a card: the files, and the lines of its journal at that time."""

    files: dict[str, bytes]
    journal_id: str
    lines: Mapping[int, bytes]


def station_id_of(place_id: str) -> str:
    """The station at a place."""
    return f"{place_id}-1"


def private_key_of(station_id: str) -> bytes:
    """What a station signs with."""
    return hashlib.sha256(station_id.encode()).digest()


class BoothMachine:
    """The Raspberry Pi at one place. `start` and `kill` from hub timers only."""

    def __init__(
        self,
        hub: Hub,
        trace: Trace,
        numbers: random.Random,
        place: Place,
        folder: Path,
        line: Callable[[str], Line],
        *,
        is_http: bool,
    ) -> None:
        self.place_id = place.id
        self.is_booth = place.kind == "booth"
        self.station_id = station_id_of(place.id)
        self.clock = StationClock(hub, place.id)
        self.disk = Disk(folder / place.id, numbers.random)
        self.line = line(self.station_id)
        role: Literal["booth", "lot"] = "booth" if self.is_booth else "lot"
        self.config = Config(
            asks_pin=False,
            station_id=self.station_id,
            place_id=place.id,
            role=role,
            letter=place.letter,
            data_dir=self.disk.folder,
            cloud_url="http://127.0.0.1:1",
            readers=(),
            limits=replace(Limits(), batch_events=numbers.choice((1, 3, 20, 500))),
        )
        self._hub = hub
        self._trace = trace
        self._numbers = numbers
        self._station: Station | None = None
        self._sync: Sync | None = None
        self._is_http = is_http

    @property
    def is_up(self) -> bool:
        """Whether the agent runs."""
        return self._station is not None

    @property
    def station(self) -> Station:
        """The agent's station. Raises `Down`."""
        if self._station is None:
            raise Down
        return self._station

    def start(self) -> None:
        """Start the agent, as systemd does. It may die of it, and is started again."""
        if self.is_up:
            return
        self.line.is_closed = False
        try:
            station = Station(self.config, self.clock)
            self._check_kept(station)
            self._station = station
        except AgentKilled:
            self._crashed("while starting")
            return
        except Refusal as refusal:
            # A card that is full at the very first start: systemd tries again.
            if not self.disk.is_full:
                raise Broken("none", f"{self.station_id} does not start: {refusal}") from refusal
            self.disk.release()
            self._hub.after(10.0, self.start)
            return
        self._sync = station.sync_with(self._cloud(station))
        for thread in self._sync._threads:
            thread._work = self._mortal(thread._work)  # type: ignore[attr-defined]
        self._sync.start()
        self._trace.note(self.station_id, f"started with {len(self.disk.journal.now)} events")

    def _cloud(self, station: Station) -> Cloud:
        if not self._is_http:
            return Direct(self.line)
        client = CloudClient(self.config, private_key_of(self.station_id), station.now)
        client._pool = Pool(self.line)  # type: ignore[assignment]
        return client

    def kill(self) -> None:
        """kill -9, or the plug."""
        if self._station is None:
            return
        self._trace.note(self.station_id, "killed")
        self._forget()

    def restart_later(self) -> None:
        """It is started again in a while."""
        self._hub.after(self._numbers.uniform(2.0, 20.0), self.start)

    def _mortal(self, work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except AgentKilled:
                self._crashed("while syncing")

        return run

    def _crashed(self, when: str) -> None:
        self._trace.note(self.station_id, f"died {when}")
        self._station = None
        self._hub.at(self._hub.now_ns, self._forget)
        self.restart_later()

    def _forget(self) -> None:
        self._station = self._sync = None
        self._hub.end_group(self.station_id)
        self.line.drop_all()
        self.disk.release()

    # What people do.

    @contextmanager
    def hands(self) -> Iterator[Station]:
        """Something is done at the station; if the agent dies of it: `Down`."""
        try:
            yield self.station
        except AgentKilled:
            self._crashed("under somebody's hands")
            raise Down from None

    def tap(self, tag: str) -> TapOutcome:
        """A tag comes to the reader. Raises `Down`."""
        with self.hands() as station:
            before = self.disk.commits
            arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
            outcome = station.on_arrival(arrival)
            self._trace.note(self.station_id, f"tap {tag[-4:]}: {outcome.key} {outcome.event_type}")
            if outcome.event_type is not None:
                self._check_beep(outcome.event_type, before)
            return outcome

    def press(self, what: str, action: Callable[[Station], object], *, records: str) -> None:
        """A button on the screen that records an event. Raises `Down` and `Refusal`."""
        with self.hands() as station:
            before = self.disk.commits
            try:
                action(station)
            except Refusal as refusal:
                self._trace.note(self.station_id, f"{what}: refused {refusal.code}")
                raise
            self._trace.note(self.station_id, f"{what}: done")
            if records:
                self._check_beep(records, before)

    def _check_beep(self, event_type: str, commits_before: int) -> None:
        line = self.disk.last_line
        said = None if line is None else unseal(line)[0]["type"]
        if self.disk.commits == commits_before or said != event_type:
            raise Broken(1, f"{self.station_id} beeped for {event_type}, the card says {said}")

    def _check_kept(self, station: Station) -> None:
        """After a start: everything that ever was committed is still there, byte for byte, and
        the mirror knows of it."""
        stored, known = self.disk.stored(), self.disk.journal.now
        kept = dict(stored)
        for seq, line in known.items():
            if kept.get(seq) != line:
                raise Broken(1, f"{self.station_id} lost or changed event {seq}")
        if [seq for seq, _ in stored] != list(range(1, len(stored) + 1)):
            raise Broken(2, f"{self.station_id}: the journal's numbers are not dense")
        for seq, line in stored:
            if seq > station._journal.acked_seq:
                self._check_mirrored(station, seq, line)

    def _check_mirrored(self, station: Station, seq: int, line: bytes) -> None:
        try:
            body = read_event(unseal(line)[0])
        except (ChainError, EventError):
            return
        if body.visit_id is not None and body.id not in station._mirror._facts[body.visit_id]:
            raise Broken(4, f"{self.station_id}: the mirror does not know of event {seq}")

    # What happens to cards.

    def take_image(self) -> Image:
        """Copy the card."""
        journal_id = self.disk.journal_id
        assert journal_id is not None
        return Image(self.disk.image(), journal_id, dict(self.disk.journal.now))

    def put_back(self, image: Image) -> None:
        """The card is replaced by an old copy of it. Only while the agent is down."""
        assert not self.is_up
        self.disk.put_back(image.files)
        self.disk.journal_id = image.journal_id
        # Not only what came later is gone: two old copies can be of two stories.
        self.disk.journal.now = dict(image.lines)
        self._trace.note(self.station_id, f"card set back to event {len(image.lines)}")

    def write_foreign(self, kind: str) -> None:
        """Put a line into the journal that this version of the agent would not write: of another
        version's type, or damaged. Only while the agent is down."""
        import sqlite3

        assert not self.is_up
        with sqlite3.connect(self.disk.path) as connection:
            journal_id = connection.execute(
                "SELECT value FROM meta WHERE key = 'journal_id'"
            ).fetchone()
            if journal_id is None:
                connection.close()
                return
            row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC").fetchone()
            seq, prev = (row[0] + 1, row[1]) if row else (1, genesis(journal_id[0]))
            line, digest = self._foreign_line(kind, seq, prev)
            connection.execute(
                "INSERT INTO event (seq, id, visit_id, line, hash, boot_id, mono_ns, wall)"
                " VALUES (?, ?, NULL, ?, ?, 'foreign', 0, ?)",
                (seq, f"foreign-{seq}", line, digest, self.clock.wall().isoformat()),
            )
        connection.close()
        self.disk.journal.add(seq, line)
        self._trace.note(self.station_id, f"event {seq} is {kind}")

    def _foreign_line(self, kind: str, seq: int, prev: str) -> tuple[bytes, str]:
        wall = self.clock.wall()
        body: dict[str, object] = {
            "v": 2 if kind == "newer" else 1,
            "id": uuid7(wall),
            "type": "car.washed" if kind == "unknown" else "station.started",
            "seq": seq,
            "prev": prev,
            "boot_id": "foreign",
            "mono_ns": 1,
            "wall": wall.isoformat(),
            "wall_synced": False,
            "actor": None,
            "place_id": self.place_id,
            "visit_id": None,
            "step": 0,
            "data": {"version": "2"},
        }
        line, digest = seal(body)
        if kind == "damaged":
            cut = self._numbers.randrange(1, len(line))
            line = line[:cut].replace(b"\n", b" ")
        return line, digest
