"""The server is killed again and again while a station sends: nothing lost, nothing twice."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas import events
from schemas.signing import new_private_key, public_key_of, sign
from schemas.sync import CONTENT_TYPE
from server import clock
from server.models import EventRow, QuarantineRow, VisitRow
from server.stations import add_station
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines
from tests.visit_story import RUNNER

VALET_SERVER = Path(sys.executable).with_name("valet-server")
DEADLINE_S = 60.0
KILLS = 4
BATCH = 8
CARS = 60


@dataclass
class Server:
    """`valet-server serve` as a process of its own, on one port for all its lives."""

    kit: CloudKit
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        env = {
            **os.environ,
            "VALET_SERVER_DATA_DIR": str(self.kit.config.data_dir),
            "VALET_SERVER_DATABASE_URL": self.kit.config.database_url,
            "VALET_SERVER_PORT": str(self.port),
        }
        with self.log.open("ab") as output:
            # A session of its own: the kill reaches gunicorn's worker as a power cut would.
            self.process = subprocess.Popen(
                [VALET_SERVER, "serve"],
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to all of its processes at once."""
        assert self.process is not None
        os.killpg(self.process.pid, 9)
        self.process.wait(DEADLINE_S)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class Sender:
    """A station that sends from what was acknowledged, and goes on where it is told to."""

    station: StationLines
    port: int
    key: bytes = field(default_factory=new_private_key)
    lines: list[bytes] = field(default_factory=list)
    acked: int = 0

    def send_next(self) -> None:
        """One batch; the acknowledgement counts only when it arrives."""
        batch = self.lines[self.acked : self.acked + BATCH]
        answer = self._post(batch)
        assert answer["gap"] is None
        assert answer["chain_broken_at"] is None
        assert {word["verdict"] for word in answer["verdicts"]} <= {"duplicate"}
        assert answer["ack_seq"] >= self.acked
        self.acked = answer["ack_seq"]

    def _post(self, batch: list[bytes]) -> dict[str, Any]:
        station = self.station
        header = {
            "v": 1,
            "journal_id": station.journal_id,
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": 10**15,
            "first_seq": self.acked + 1,
            "records": [guest.to_wire() for guest in station.guests],
        }
        body = b"\n".join([json.dumps(header).encode(), *batch])
        headers = sign(self.key, station.station_id, "POST", "/v1/sync", body, int(time.time()))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("POST", "/v1/sync", body, {**headers, "Content-Type": CONTENT_TYPE})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            loaded: dict[str, Any] = json.loads(content)
            return loaded
        finally:
            connection.close()


def whole_visits(station: StationLines) -> list[bytes]:
    """Cars that are received, asked for, ready and handed over, four events each."""
    lines = []
    for car in range(1, CARS + 1):
        lines += [
            station.received(car),
            station.requested(car, 2, "herrera"),
            station.of(events.CAR_READY, car, 3, actor=RUNNER),
            station.handed_over(car, 4),
        ]
    return lines


@contextmanager
def running(kit: CloudKit, folder: Path) -> Iterator[Server]:
    """A server on a free port; none of its lives is left behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(kit, port, folder / "server.log")
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


def test_every_event_is_there_once_after_the_server_was_killed_in_the_middle(
    tmp_path: Path, database_url: str
) -> None:
    chance = random.Random(7)
    with open_cloud(tmp_path, database_url) as kit, running(kit, tmp_path) as server:
        sender = Sender(StationLines("herrera"), server.port)
        sender.lines = whole_visits(sender.station)
        public = public_key_of(sender.key).hex()
        kit.database.write(
            lambda session: add_station(session, "station-herrera", "herrera", public, clock.now())
        )
        kills = cut_off = 0
        while sender.acked < len(sender.lines):
            is_to_be_killed = kills < KILLS and sender.acked >= len(sender.lines) * kills // KILLS
            if is_to_be_killed:
                cut_off += send_while_killed(server, sender, chance)
                kills += 1
                server.start()
            sender.send_next()
        assert (kills, cut_off > 0) == (KILLS, True)
        check(kit, sender)


def send_while_killed(server: Server, sender: Sender, chance: random.Random) -> bool:
    """Send on until the kill is felt; whether it cut a request off."""
    delay_s = chance.uniform(0.0, 0.08)
    killer = threading.Timer(delay_s, server.kill)
    killer.start()
    try:
        while sender.acked < len(sender.lines):
            sender.send_next()
    except (OSError, http.client.HTTPException):
        return True
    finally:
        killer.join()
    return False


def check(kit: CloudKit, sender: Sender) -> None:
    """All lines once and in order, every visit over, and the rows as the events say."""
    assert [row.line for row in kit.rows(EventRow)] == sender.lines
    assert kit.count(QuarantineRow) == 0
    assert [row.is_open for row in kit.rows(VisitRow)] == [False] * CARS
    assert kit.rebuilt() == []
