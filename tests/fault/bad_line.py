"""A booth, a bad line and the cloud, each a process of its own (the line is a thread here).

with bad_line(folder, database_url) as line:
    visit_id = line.receive()                    # a tap on a pty, forms on the touchscreen
    line.proxy.script(Fault(LOSE))
    line.ask_for(visit_id, "bolivar")
    line.settled()                               # waits; then `line.check()` looks at it all
"""

from __future__ import annotations

import http.client
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reader_agent.clock import SystemClock
from reader_agent.emulators.em125 import EM125Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.station_key import load_or_create
from schemas import chain
from schemas.signing import public_key_of
from server import clock
from server.demo.booth_screen import BoothScreen, ScreenError
from server.models import EventRow, JournalRow, QuarantineRow
from server.stations import add_station
from tests.booth_process import RunningBooth, free_port
from tests.cloud_kit import CloudKit, open_cloud
from tests.fault_proxy import FaultProxy
from tests.visit_story import key_tag

T = TypeVar("T")

STATION_ID, PLACE_ID = "station-herrera", "herrera"
BADGE = "em4100:0A00000001"
LOCKED = "Acerque su credencial"
DEADLINE_S = 60.0
LOOK_EVERY_S = 0.02
HOLD_MS = 150
OFF_THE_READER_S = 0.7
"""A tag that comes back sooner has never left, as far as a reader can tell."""
QUICK = {
    "REQUEST_TIMEOUT_S": "2",
    "LONG_POLL_WAIT_S": "2",
    "BACKOFF_CAP_S": "1",
    "ACTOR_IDLE_S": "3600",
}


def until(look: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """What `look` finds, asked again until it is something; fails after a while."""
    end = time.monotonic() + deadline_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"did not happen within {deadline_s:.0f} s: {what}"
        time.sleep(LOOK_EVERY_S)


@contextmanager
def serving(kit: CloudKit, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`valet-server serve` on this port, answering; killed at the end with all it started."""
    env = {
        **os.environ,
        "VALET_SERVER_DATA_DIR": str(kit.config.data_dir),
        "VALET_SERVER_DATABASE_URL": kit.config.database_url,
        "VALET_SERVER_PORT": str(port),
    }
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("valet-server"), "serve"],
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until(lambda: _is_healthy(port) or process.poll() is not None, "the cloud answers")
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.wait(DEADLINE_S)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class JournalCopy:
    """A station's journal as it lies on its disk."""

    journal_id: str
    acked_seq: int
    lines: list[bytes]
    verdicts: list[str]


def read_journal(data_dir: Path, aside: Path) -> JournalCopy | None:
    """What the journal in `data_dir` holds; None while its agent is in the middle of a write.

    The agent keeps every other connection out of its database, so a copy is looked at.
    """
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for file in data_dir.glob("station.sqlite3*"):
        shutil.copyfile(file, aside / file.name)
    connection = sqlite3.connect(aside / "station.sqlite3")
    try:
        meta: dict[str, Any] = dict(connection.execute("SELECT key, value FROM meta"))
        rows = connection.execute("SELECT line, verdict FROM event ORDER BY seq").fetchall()
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()
    verdicts = [row[1] for row in rows if row[1] is not None]
    acked_seq = int(meta.get("acked_seq", 0))
    return JournalCopy(str(meta["journal_id"]), acked_seq, [row[0] for row in rows], verdicts)


@dataclass
class BadLine:
    """All three, and hands for the booth. Use `bad_line`."""

    kit: CloudKit
    proxy: FaultProxy
    booth: RunningBooth
    reader: EM125Emulator
    folder: Path
    cars: int = 0
    _off_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.screen = BoothScreen(self.booth.url)

    def tap(self, tag: str) -> None:
        """Lay a tag on the booth's reader, once the one before is gone."""
        time.sleep(max(0.0, self._off_at - time.monotonic()))
        self.reader.present(tag, HOLD_MS)
        self._off_at = time.monotonic() + OFF_THE_READER_S

    def sign_on(self) -> None:
        """Ana's badge, once the booth knows her."""
        until(lambda: "Plaza Herrera" in self.screen.show("/queue").text, "the district is here")

        def is_in() -> bool:
            self.tap(BADGE)
            return LOCKED not in self.screen.show("/queue").text

        until(is_in, "Ana is signed in")

    def receive(self) -> str:
        """Take a car in at the touchscreen; the visit's id."""
        self.cars += 1
        self.tap(key_tag(self.cars))
        until(lambda: self.screen.show("/receive").path == "/receive/plate", "a plate is wanted")
        self.screen.fill("/receive/plate", {"plate": f"CD{self.cars:04d}"})
        self.screen.fill("/receive/phone", {"phone": "61234567"})
        self.screen.fill("/receive/damage", {"none": "1"})
        page = self.screen.fill("/receive/check", {})
        assert page.path.startswith("/tickets/")
        return page.path.removeprefix("/tickets/")

    def ask_for(self, visit_id: str, booth_id: str) -> None:
        """The driver wants the car at a booth: one event."""
        self.screen.fill(f"/tickets/{visit_id}/request", {"booth": booth_id, "wait": "0"})

    def badge(self) -> str:
        """The level of the connection badge on the screen: good, warn or bad."""
        try:
            text = self.screen.show("/queue").text
        except ScreenError as error:
            return str(error)
        return text.partition('class="badge ')[2].partition('"')[0]

    def journal(self) -> JournalCopy:
        """The booth's journal."""
        data_dir, aside = self.folder / "data", self.folder / "aside"
        found = until(lambda: read_journal(data_dir, aside), "the journal can be read")
        assert found is not None
        return found

    def settled(self) -> JournalCopy:
        """Wait until the booth knows that the cloud has everything."""

        def look() -> JournalCopy | None:
            journal = self.journal()
            return journal if journal.acked_seq == len(journal.lines) else None

        found = until(look, "everything is acknowledged")
        assert found is not None
        return found

    def check(self) -> None:
        """Everything once, the same bytes, in one chain, and the rows as the events say."""
        journal = self.settled()
        rows = [row for row in self.kit.rows(EventRow) if row.journal_id == journal.journal_id]
        assert [row.line for row in rows] == journal.lines
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        prev = chain.genesis(journal.journal_id)
        for line in journal.lines:
            body, digest = chain.unseal(line)
            assert body["prev"] == prev
            prev = digest
        (head,) = [row for row in self.kit.rows(JournalRow) if row.id == journal.journal_id]
        assert (head.head_seq, head.head_hash, head.broken_at_seq) == (len(rows), prev, None)
        assert self.kit.count(QuarantineRow) == 0
        assert set(journal.verdicts) <= {"duplicate"}
        assert self.kit.rebuilt() == []


@contextmanager
def bad_line(folder: Path, database_url: str) -> Iterator[BadLine]:
    """Start the three and sign Ana on."""
    with ExitStack() as opened:
        kit = opened.enter_context(open_cloud(folder / "cloud", database_url))
        data_dir = folder / "data"
        data_dir.mkdir()
        public = public_key_of(load_or_create(data_dir)).hex()
        kit.database.write(
            lambda session: add_station(session, STATION_ID, PLACE_ID, public, clock.now())
        )
        port = free_port()
        opened.enter_context(serving(kit, folder, port))
        proxy = opened.enter_context(FaultProxy(port))
        device = folder / "reader"
        line = PtyLine(device)
        line.plug()
        opened.callback(line.unplug)
        environment = {
            "STATION_ID": STATION_ID,
            "CLOUD_URL": proxy.url,
            "READERS": f"em125:{device}",
            **QUICK,
        }
        booth = opened.enter_context(
            RunningBooth(folder, **{f"VALET_AGENT_{k}": v for k, v in environment.items()})
        )
        reader = EM125Emulator(line, SystemClock())
        stage = BadLine(kit, proxy, booth, reader, folder)
        stage.sign_on()
        yield stage
