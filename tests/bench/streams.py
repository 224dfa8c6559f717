"""Thousands of long polls held open by one thread, and when each was answered."""

from __future__ import annotations

import json
import selectors
import socket
import time
from dataclasses import dataclass, field

from schemas.signing import sign
from schemas.sync import CONTENT_TYPE
from tests.visit_story import steady_uuid

_DEADLINE_S = 120.0
_JOURNAL = steady_uuid("streams", "journal")


@dataclass
class Streams:
    """Long polls of one station at one door. `answered_s`: when each was, by `perf_counter`."""

    port: int
    station_id: str
    key: bytes
    lines: list[socket.socket] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)
    statuses: set[bytes] = field(default_factory=set)

    def open(self, count: int, cursor: int, wait_s: int) -> None:
        """Ask so many times for news beyond a cursor; none is waited for."""
        for _ in range(count):
            line = socket.create_connection(("127.0.0.1", self.port), _DEADLINE_S)
            line.sendall(self._question(cursor, wait_s))
            self.lines.append(line)

    def read_all(self) -> None:
        """Wait until every line was answered."""
        deadline_s = time.perf_counter() + _DEADLINE_S
        with selectors.DefaultSelector() as selector:
            for line in self.lines:
                selector.register(line, selectors.EVENT_READ)
            while selector.get_map():
                assert time.perf_counter() < deadline_s, f"{len(self.answered_s)} were answered"
                for ready, _ in selector.select(1.0):
                    told = ready.fileobj
                    assert isinstance(told, socket.socket)
                    self.answered_s.append(time.perf_counter())
                    self.statuses.add(told.recv(65536).split(b" ", 2)[1])
                    selector.unregister(told)
                    told.close()

    def early(self) -> int:
        """How many lines have something to read already."""
        with selectors.DefaultSelector() as selector:
            for line in self.lines:
                selector.register(line, selectors.EVENT_READ)
            return len(selector.select(0))

    def _question(self, cursor: int, wait_s: int) -> bytes:
        header = {
            "v": 1,
            "journal_id": _JOURNAL,
            "cursor": cursor,
            "boot_id": "boot-1",
            "mono_ns": 10**12,
            "wait_s": wait_s,
        }
        body = json.dumps(header).encode()
        signed = sign(self.key, self.station_id, "POST", "/v1/sync", body, int(time.time()))
        named = {
            **signed,
            "Host": "cloud",
            "Content-Type": CONTENT_TYPE,
            "Content-Length": str(len(body)),
        }
        lines = "".join(f"{name}: {text}\r\n" for name, text in named.items())
        return f"POST /v1/sync HTTP/1.1\r\n{lines}\r\n".encode() + body
