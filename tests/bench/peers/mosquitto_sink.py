"""The far end of `mosquitto`: acknowledges a message once its events are committed."""

from __future__ import annotations

import json
import queue
import sys
from typing import Any

from reader_agent.clock import SystemClock
from tests.bench.peers.broker import DEADLINE_S, tell
from tests.bench.peers.mosquitto import TOPIC, connected
from tests.bench.peers.peer import A_COMMIT
from tests.bench.peers.sink import Sink


def main(settings: dict[str, Any]) -> None:
    """Take in so many events and say when the last was committed."""
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
    sink = Sink(settings["url"])
    client = connected(settings["port"], "sink", manual_ack=True)
    client.on_message = lambda _client, _data, message: arrived.put(message)
    client.on_subscribe = lambda *_told: tell(ready=True)
    client.subscribe(TOPIC, qos=1)
    count, committed_ns = 0, 0
    while count < settings["count"]:
        messages = [arrived.get(timeout=DEADLINE_S)]
        lines = messages[0].payload.split(b"\n")
        while len(lines) < A_COMMIT and not arrived.empty():
            messages.append(arrived.get())
            lines += messages[-1].payload.split(b"\n")
        sink.insert(lines)
        count += len(lines)
        committed_ns = SystemClock().mono_ns()
        for message in messages:
            client.ack(message.mid, message.qos)
    tell(committed_ns=committed_ns)
    client.loop_stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
