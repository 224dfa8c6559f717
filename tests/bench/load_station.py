"""A station as the load test plays it: real signed syncs, a held long poll, a journal that chains.

It does on the wire what `reader_agent` does and keeps nothing on a disk: a hundred of them have to
fit beside the cloud that is measured.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.guest import Guest
from schemas.signing import sign
from schemas.sync import CONTENT_TYPE
from tests.bench.load_line import Line, Reply, Tally
from tests.station_lines import StationLines

WAIT_S = 25
_REST_S = 0.2

Heard = Callable[[str, dict[str, Any], float], None]
"""Called with the station's id, an event's change, and when it came."""


@dataclass
class LoadStation:
    """`cursor` is how much of the district it knows; `heard` is told of every event that comes
    down."""

    lines: StationLines
    key: bytes
    port: int
    cursor: int
    tally: Tally
    heard: Heard

    def __post_init__(self) -> None:
        """A line to ask on and one to tell on, as the agent has."""
        self._asks, self._tells = Line(self.port), Line(self.port)
        self._telling = asyncio.Lock()

    async def listen(self, stop: asyncio.Event) -> None:
        """Hold one long poll after the other."""
        while not stop.is_set():
            before = self.cursor
            reply = await self._sync(self._asks, "poll", [], [], WAIT_S)
            if reply.status != 200 or self.cursor == before:
                await asyncio.sleep(_REST_S)

    async def tell(self, make: Callable[[], bytes]) -> float:
        """Record the event that `make` seals and send it until it is taken in; when that was.
        The answer came after its commit."""
        async with self._telling:
            line = make()
            guests, self.lines.guests = self.lines.guests, []
            while True:
                reply = await self._sync(self._tells, "push", [line], guests, 0)
                if reply.status == 200:
                    return reply.at_s
                await asyncio.sleep(_REST_S)

    async def _sync(
        self, to: Line, kind: str, events: list[bytes], guests: list[Guest], wait_s: int
    ) -> Reply:
        header = {
            "v": 1,
            "journal_id": self.lines.journal_id,
            "cursor": self.cursor,
            "boot_id": "boot-1",
            "mono_ns": time.monotonic_ns(),
            "first_seq": self.lines.seq if events else None,
            "depth": len(events),
            "wait_s": wait_s,
            "version": "load",
            "records": [guest.to_wire() for guest in guests],
        }
        body = b"\n".join((json.dumps(header).encode(), *events, b""))
        reply = await to.ask(self._head(body), body)
        self.tally.count(kind, reply.status)
        if reply.status == 200:
            self._take(reply)
        return reply

    def _head(self, body: bytes) -> bytes:
        signed = sign(self.key, self.lines.station_id, "POST", "/v1/sync", body, int(time.time()))
        told = {**signed, "Content-Type": CONTENT_TYPE, "Accept-Encoding": "gzip"}
        said = "".join(f"\r\n{name}: {value}" for name, value in told.items())
        return f"POST /v1/sync HTTP/1.1\r\nHost: cloud{said}".encode()

    def _take(self, reply: Reply) -> None:
        answer = json.loads(_plain(reply))
        if answer["from_cursor"] != self.cursor:
            # The other line was quicker, as the agent knows it too.
            return
        self.cursor = answer["cursor"]
        for change in answer["changes"]:
            if change["kind"] == "event":
                self.heard(self.lines.station_id, change, reply.at_s)

    def close(self) -> None:
        """Let both lines go."""
        self._asks.close()
        self._tells.close()


def _plain(reply: Reply) -> bytes:
    return gzip.decompress(reply.body) if reply.is_packed else reply.body
