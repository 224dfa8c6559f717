"""The far end of `jetstream`: acknowledges a message once its events are committed."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from reader_agent.clock import SystemClock
from tests.bench.peers.broker import DEADLINE_S, tell
from tests.bench.peers.jetstream import STREAM, SUBJECT, connected
from tests.bench.peers.peer import A_COMMIT
from tests.bench.peers.sink import Sink


async def take_in(settings: dict[str, Any]) -> None:
    """Take in so many events and say when the last was committed."""
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    sink = Sink(settings["url"])
    connection = await connected(settings["port"])
    stream = connection.jetstream()
    await stream.add_stream(name=STREAM, subjects=[SUBJECT])

    async def on_message(message: Any) -> None:
        arrived.put_nowait(message)

    await stream.subscribe(SUBJECT, durable="sink", cb=on_message, manual_ack=True)
    tell(ready=True)
    count, committed_ns = 0, 0
    while count < settings["count"]:
        messages = [await asyncio.wait_for(arrived.get(), DEADLINE_S)]
        lines = messages[0].data.split(b"\n")
        while len(lines) < A_COMMIT and not arrived.empty():
            messages.append(arrived.get_nowait())
            lines += messages[-1].data.split(b"\n")
        sink.insert(lines)
        count += len(lines)
        committed_ns = SystemClock().mono_ns()
        for message in messages:
            await message.ack()
    tell(committed_ns=committed_ns)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(take_in(json.loads(sys.argv[1])))
