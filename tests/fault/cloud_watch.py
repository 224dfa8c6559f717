"""Whoever looks at a cloud that has its troubles: staff, a driver, a station that writes without
pause, and somebody who counts what every runner is told to do.

with watching(kit, ports, token) as watch:
    since_s = time.monotonic()
    ...
    watch.writer.longest_gap_s(since_s)
    watch.check()
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from schemas import events
from schemas.signing import new_private_key, public_key_of, sign
from schemas.sync import CONTENT_TYPE
from server import clock
from server.models import EventRow, MoveRow
from server.retry import DatabaseError
from server.sessions import open_session
from server.stations import add_station
from tests.cloud_kit import CloudKit
from tests.station_lines import StationLines
from tests.visit_story import MANAGER

PATIENCE_S = 30.0
"""How long a browser waits for an answer before we say that there was none."""
NO_ANSWER = 0
GOOD = frozenset({200, 304, 503})
WRITES_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """One request: when, what came of it (0: nobody answered), and how long it took."""

    at_s: float
    port: int
    status: int
    took_s: float


@dataclass
class Eye:
    """Somebody who asks for a page again and again, at each door by turns."""

    name: str
    path: str
    headers: dict[str, str]
    ports: Sequence[int]
    every_s: float = 0.5
    looks: list[Look] = field(default_factory=list)

    def once(self, number: int) -> None:
        """One look."""
        port, began_s = self.ports[number % len(self.ports)], time.monotonic()
        status, _ = ask(port, "GET", self.path, None, self.headers)
        self.looks.append(Look(began_s, port, status, time.monotonic() - began_s))

    def statuses(self, since_s: float = 0.0) -> Counter[int]:
        """How often each status came."""
        return Counter(look.status for look in self.looks if look.at_s >= since_s)


@dataclass
class Writer:
    """A station with one event after the other, to whichever door takes it."""

    station: StationLines
    key: bytes
    ports: Sequence[int]
    every_s: float = WRITES_EVERY_S
    acked: int = 0
    acked_at_s: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    lines: list[bytes] = field(default_factory=list)
    _door: int = 0

    def once(self, _number: int) -> None:
        """Send what was not acknowledged, one event more each time that all was."""
        if self.acked == len(self.lines):
            wall = clock.now().isoformat()
            self.lines.append(self.station.line(events.SHIFT_SIGNED_ON, wall=wall))
        batch = self.lines[self.acked :]
        header = {
            "v": 1,
            "journal_id": self.station.journal_id,
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": time.monotonic_ns(),
            "first_seq": self.acked + 1,
        }
        body = b"\n".join([json.dumps(header).encode(), *batch])
        signed = sign(self.key, self.station.station_id, "POST", "/v1/sync", body, int(time.time()))
        port = self.ports[self._door % len(self.ports)]
        told = {**signed, "Content-Type": CONTENT_TYPE}
        status, content = ask(port, "POST", "/v1/sync", body, told)
        if status == 200:
            self.acked = json.loads(content)["ack_seq"]
            self.acked_at_s.append(time.monotonic())
        else:
            self.refused[status] += 1
            self._door += 1

    def longest_gap_s(self, since_s: float) -> float:
        """The longest time without an acknowledgement, from the last one before a moment on."""
        before = max(at_s for at_s in self.acked_at_s if at_s < since_s)
        times = [before, *(at_s for at_s in self.acked_at_s if at_s >= since_s)]
        return max(b - a for a, b in itertools.pairwise(times))


@dataclass
class RunnerCount:
    """Counts the cars that every runner is sent for at one moment; more than one is wrong."""

    kit: CloudKit
    every_s: float = 0.5
    samples: int = 0
    sent: int = 0
    doubled: list[tuple[str, int]] = field(default_factory=list)

    def once(self, _number: int) -> None:
        """One sample; none while the database is away."""
        try:
            rows = self.kit.database.read(lambda session: session.execute(_AT_ONCE).all())
        except (DBAPIError, DatabaseError):
            return
        self.samples += 1
        self.sent += len(rows)
        self.doubled += [(str(runner), count) for runner, count in rows if count > 1]


# Not what is driven: two stations' words of one runner may come in the wrong order.
_AT_ONCE = (
    select(MoveRow.runner_id, func.count())
    .where(MoveRow.runner_id.is_not(None))
    .where(MoveRow.state == "open", MoveRow.sent_at.is_not(None))
    .group_by(MoveRow.runner_id)
)


@dataclass
class Watch:
    """Use `watching`."""

    kit: CloudKit
    staff: Eye
    driver: Eye
    writer: Writer
    runners: RunnerCount

    def check(self, said: str) -> None:
        """Nobody was told nonsense: pages came or the door said clearly that it cannot now; what
        was acknowledged is there, once and as it was; no runner had two things to do. `said`: what
        the cloud has logged, for when it is otherwise."""
        for eye in (self.staff, self.driver):
            told = Counter(look.status for look in eye.looks) - Counter({NO_ANSWER: len(eye.looks)})
            assert set(told) <= GOOD, f"{eye.name}: {told}\n{said[-6000:]}"
            assert told[200] + told[304] > 0
        own = select(EventRow.line).where(EventRow.journal_id == self.writer.station.journal_id)
        stored = self.kit.database.read(
            lambda session: list(session.scalars(own.order_by(EventRow.seq)))
        )
        assert len(stored) >= self.writer.acked > 0
        assert stored == self.writer.lines[: len(stored)]
        assert set(self.writer.refused) <= {NO_ANSWER, 503}, self.writer.refused
        assert self.runners.samples > 0
        assert self.runners.sent > 0
        assert self.runners.doubled == []


@contextmanager
def watching(kit: CloudKit, ports: Sequence[int], token: str) -> Iterator[Watch]:
    """All of them at once, while the block lasts; `token` is a driver's."""
    station, key = StationLines("francia", "writer"), new_private_key()
    station.station_id = "station-writer"
    now = clock.now()

    def let_in(session: Any) -> str:
        add_station(session, station.station_id, "francia", public_key_of(key).hex(), now)
        return open_session(session, kit.config, MANAGER, now)

    cookie = kit.database.write(let_in)
    watch = Watch(
        kit,
        Eye("staff", "/manage/day/live", {"Cookie": f"valet={cookie}"}, ports, every_s=1.0),
        Eye("driver", f"/t/{token}", {}, ports),
        Writer(station, key, ports),
        RunnerCount(kit),
    )
    stop = threading.Event()
    faults: list[BaseException] = []
    threads = [
        threading.Thread(target=_go_on, args=(each, stop, faults))
        for each in (watch.staff, watch.driver, watch.writer, watch.runners)
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * PATIENCE_S)
    assert faults == []


def _go_on(
    each: Eye | Writer | RunnerCount, stop: threading.Event, faults: list[BaseException]
) -> None:
    number = 0
    try:
        while not stop.wait(each.every_s):
            each.once(number)
            number += 1
    except BaseException as error:  # noqa: BLE001 - the test's own thread hears of it
        faults.append(error)


def ask(
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body, 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return NO_ANSWER, b""
    finally:
        connection.close()
