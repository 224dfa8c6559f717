"""From a tag to the disk: one append, and the way from the last byte of a frame."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reader_agent.clock import SystemClock
from reader_agent.drivers.em125 import Framing, encode_em125
from reader_agent.drivers.reader import Listener, Reader
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.journal import Journal, NewEvent
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.station_db import StationDB
from schemas import events
from tests.bench.conftest import Figures
from tests.bench.spread import of_times
from tests.station_kit import HERRERA, change, config_of, district_changes

APPENDS = 2_000
TAPS = 400
DEADLINE_S = 10.0


def test_one_append_to_the_journal(tmp_path: Path, figures: Figures) -> None:
    db = StationDB(tmp_path / "station.sqlite3")
    journal = Journal(db, SystemClock(assume_synced=True))
    samples_ms = []
    for _ in range(APPENDS):
        began_ns = time.perf_counter_ns()
        with db.transaction() as work:
            new = NewEvent(events.SHIFT_SIGNED_ON)
            journal.append(work, new, actor="ana", place_id=HERRERA)
        samples_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    assert journal.head_seq() == APPENDS
    db.close()
    figures["journal append"] = of_times(samples_ms)


def test_last_byte_of_a_frame_until_the_event_is_durable_and_the_screen_is_told(
    tmp_path: Path, figures: Figures
) -> None:
    line = PtyLine(tmp_path / "em125")
    line.plug()
    done: queue.Queue[tuple[str | None, int]] = queue.Queue()
    with station_with(tmp_path, [badge(number) for number in range(TAPS)]) as station:

        def on_arrival(arrival: Arrival) -> None:
            outcome = station.on_arrival(arrival)
            done.put((outcome.event_type, time.perf_counter_ns()))

        listener = Listener(on_arrival, is_enrolled=station.is_enrolled)
        config = ReaderConfig.parse(f"em125:{tmp_path / 'em125'}?mode=single")
        reader = open_reader(config, listener, SystemClock(assume_synced=True))
        _wait_until_open(reader)
        samples_ms = []
        for number in range(TAPS):
            began_ns = _send(line, encode_em125(badge(number), Framing.ASCII))
            kind, ended_ns = done.get(timeout=DEADLINE_S)
            assert kind == events.SHIFT_SIGNED_ON
            samples_ms.append((ended_ns - began_ns) / 1e6)
        reader.close()
    line.unplug()
    figures["last byte to durable"] = of_times(samples_ms)


def badge(number: int) -> str:
    """The badge of the n-th person."""
    return f"em4100:0A{number + 1000:08X}"


def _wait_until_open(reader: Reader) -> None:
    """What is sent before the port is open is thrown away, as on a real line."""
    deadline_s = time.monotonic() + DEADLINE_S
    while reader.health().port.state != "open":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _send(line: PtyLine, frame: bytes) -> int:
    """Send a frame; the time just before its last byte, in nanoseconds."""
    line.write(frame[:-1])
    began_ns = time.perf_counter_ns()
    line.write(frame[-1:])
    return began_ns


@contextmanager
def station_with(folder: Path, badges: Sequence[str]) -> Iterator[Station]:
    """A station on the real clock whose district has a person for each of these badges."""
    config = replace(config_of(folder), data_dir=folder / "data")
    station = Station(config, SystemClock(assume_synced=True))
    people = [
        change(
            "person",
            f"p{number}",
            {"id": f"p{number}", "name": "P", "roles": ["valet"], "badge_tag": tag},
        )
        for number, tag in enumerate(badges)
    ]
    asked = station.exchange.ask(limit_events=0, limit_bytes=0)
    answer = {
        "ack_seq": 0,
        "verdicts": [],
        "gap": None,
        "chain_broken_at": None,
        "from_cursor": asked.cursor,
        "cursor": 1,
        "changes": [*district_changes(), *people],
        "more": False,
        "server_time": SystemClock(assume_synced=True).wall(),
    }
    station.exchange.take(answer, asked)
    try:
        yield station
    finally:
        station.close()
        os.sync()
