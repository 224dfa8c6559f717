"""NATS JetStream with a file store and its default flush of every two minutes."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from reader_agent.clock import SystemClock
from tests.bench.peers import programs
from tests.bench.peers.broker import SinkProcess, running
from tests.bench.peers.outbox import Outbox
from tests.bench.peers.peer import A_COMMIT, Run
from tests.bench.peers.programs import NATS
from tests.bench.peers.sink import new_sink
from tests.booth_process import free_port

STREAM, SUBJECT = "district", "events"


@dataclass(frozen=True)
class JetStream:
    """So many events to a message, and to a durable mark at the edge that they arrived: a plain
    outbox marks each row as its acknowledgement comes."""

    events_a_message: int
    events_a_mark: int = A_COMMIT

    @property
    def name(self) -> str:
        """As it stands in the figures."""
        marked = "" if self.events_a_mark == A_COMMIT else f", marked by {self.events_a_mark}"
        return f"NATS JetStream x{self.events_a_message}{marked}"

    def missing(self) -> str | None:
        """The server or its client."""
        if programs.find(NATS) is None:
            return f"the server is missing: {programs.HOW_TO_GET} nats-server"
        if find_spec("nats") is None:
            return "the client is missing: pip install nats-py==2.16.0"
        return None

    def drain(self, run: Run) -> float:
        """See `Peer.drain`."""
        port = free_port()
        outbox = Outbox(run.folder / "outbox.sqlite3", run.lines)
        store = ("-js", "-sd", str(run.folder / "nats"))
        arguments = (*store, "-a", "127.0.0.1", "-p", str(port))
        with (
            closing(outbox),
            new_sink(run.database_url, len(run.lines)),
            running(NATS, arguments, port, run.folder / "nats.log"),
            closing(SinkProcess("jetstream_sink", run, port)) as sink,
        ):
            began_ns, ended_ns = asyncio.run(self._send(outbox, port))
            return (max(ended_ns, sink.committed_ns()) - began_ns) / 1e9

    async def _send(self, outbox: Outbox, port: int) -> tuple[int, int]:
        """Publish everything; when it began, and when the last of it was marked."""
        connection = await connected(port)
        stream = connection.jetstream()
        waiting: asyncio.Queue[tuple[int, list[Any]] | None] = asyncio.Queue()
        marking = asyncio.create_task(_mark(outbox, waiting))
        began_ns = SystemClock().mono_ns()
        count, acks = 0, []
        for page in outbox.pages():
            for first in range(0, len(page), self.events_a_message):
                lines = page[first : first + self.events_a_message]
                acks.append(await stream.publish_async(SUBJECT, b"\n".join(lines)))
                count += len(lines)
                if count % self.events_a_mark == 0:
                    waiting.put_nowait((count, acks))
                    acks = []
        waiting.put_nowait((count, acks))
        waiting.put_nowait(None)
        await marking
        ended_ns = SystemClock().mono_ns()
        await connection.close()
        return began_ns, ended_ns


async def _mark(outbox: Outbox, waiting: asyncio.Queue[tuple[int, list[Any]] | None]) -> None:
    while (page := await waiting.get()) is not None:
        count, acks = page
        await asyncio.gather(*acks)
        if acks:
            outbox.mark(count)


async def connected(port: int) -> Any:
    """A client with its defaults."""
    nats = importlib.import_module("nats")
    return await nats.connect(f"nats://127.0.0.1:{port}")
