"""Mosquitto and paho, QoS 1: the broker acknowledges to the edge, the sink to the broker.

The broker has no limit to its queue (by default it drops what is beyond 1,000, with a success
code); all else is its default, also its persistence: what it has acknowledged is not on a disk for
half an hour. More messages in flight, or TCP_NODELAY, made it no faster. (`user` is read only by a
broker that root starts: it would become somebody who may not write here.)
"""

from __future__ import annotations

import importlib
import threading
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from reader_agent.clock import SystemClock
from tests.bench.peers import programs
from tests.bench.peers.broker import DEADLINE_S, SinkProcess, running
from tests.bench.peers.outbox import Outbox
from tests.bench.peers.peer import A_COMMIT, Run
from tests.bench.peers.programs import MOSQUITTO
from tests.bench.peers.sink import new_sink
from tests.booth_process import free_port

TOPIC = "events"
_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
user root
max_queued_messages 0
persistence true
persistence_location {folder}/
"""


@dataclass(frozen=True)
class Mosquitto:
    """So many events to a message, and to a durable mark at the edge that they arrived: a plain
    outbox marks each row as its acknowledgement comes."""

    events_a_message: int
    events_a_mark: int = A_COMMIT

    @property
    def name(self) -> str:
        """As it stands in the figures."""
        marked = "" if self.events_a_mark == A_COMMIT else f", marked by {self.events_a_mark}"
        return f"Mosquitto QoS 1 x{self.events_a_message}{marked}"

    def missing(self) -> str | None:
        """The broker, or its client."""
        if programs.find(MOSQUITTO) is None:
            return f"the broker is missing: {programs.HOW_TO_GET} mosquitto"
        if find_spec("paho") is None:
            return "the client is missing: pip install paho-mqtt==2.2.0"
        return None

    def drain(self, run: Run) -> float:
        """See `Peer.drain`."""
        port, settings = free_port(), run.folder / "mosquitto.conf"
        settings.write_text(_SETTINGS.format(port=port, folder=run.folder))
        outbox = Outbox(run.folder / "outbox.sqlite3", run.lines)
        with (
            closing(outbox),
            new_sink(run.database_url, len(run.lines)),
            running(MOSQUITTO, ("-c", str(settings)), port, run.folder / "mosquitto.log"),
            closing(SinkProcess("mosquitto_sink", run, port)) as sink,
        ):
            began_ns, ended_ns = self._send(outbox, port, len(run.lines))
            return (max(ended_ns, sink.committed_ns()) - began_ns) / 1e9

    def _send(self, outbox: Outbox, port: int, count: int) -> tuple[int, int]:
        """Publish everything; when it began, and when the last of it was marked."""
        client, is_done = connected(port, "edge"), threading.Event()
        acked = 0

        def on_publish(*_told: Any) -> None:
            nonlocal acked
            acked = min(count, acked + self.events_a_message)
            if acked % self.events_a_mark == 0 or acked == count:
                outbox.mark(acked)
            if acked == count:
                is_done.set()

        client.on_publish = on_publish
        began_ns = SystemClock().mono_ns()
        for page in outbox.pages():
            for first in range(0, len(page), self.events_a_message):
                message = b"\n".join(page[first : first + self.events_a_message])
                client.publish(TOPIC, message, qos=1)
        assert is_done.wait(DEADLINE_S)
        ended_ns = SystemClock().mono_ns()
        client.disconnect()
        client.loop_stop()
        return began_ns, ended_ns


def connected(port: int, name: str, **settings: Any) -> Any:
    """A paho client with its own thread; its other settings are its defaults."""
    mqtt = importlib.import_module("paho.mqtt.client")
    is_up = threading.Event()
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, **settings
    )
    client.on_connect = lambda *_told: is_up.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert is_up.wait(DEADLINE_S)
    return client
