"""The server is killed again and again while a station sends: nothing lost, nothing twice."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
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
from tests.fault.served_process import ServedProcess, served_process
from tests.station_lines import StationLines
from tests.visit_story import RUNNER

DEADLINE_S = 60.0
KILLS = 4
BATCH = 8
CARS = 60


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


def test_every_event_is_there_once_after_the_server_was_killed_in_the_middle(
    tmp_path: Path, database_url: str
) -> None:
    chance = random.Random(7)
    with open_cloud(tmp_path, database_url) as kit, served_process(kit.config, tmp_path) as server:
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


def send_while_killed(server: ServedProcess, sender: Sender, chance: random.Random) -> bool:
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
