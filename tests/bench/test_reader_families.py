"""From a card on each kind of reader to the disk, and what readers cost that nobody uses."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reader_agent.clock import SystemClock
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
from reader_agent.drivers.scanner import code_tag
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.presence import Arrival
from schemas import events
from tests.bench.conftest import Figures
from tests.bench.process_cost import cpu_s, resident_mb
from tests.bench.spread import of_times
from tests.bench.test_journal_append import station_with
from tests.booth_process import RunningBooth

TAPS = 100
IDLE_S = 30.0
DEADLINE_S = 10.0
EMULATORS: dict[str, Callable[[Path], PN532Emulator | RC522Emulator]] = {
    "pn532": lambda link: PN532Emulator(PtyLine(link), SystemClock()),
    "rc522": lambda link: RC522Emulator(link, SystemClock()),
}


@pytest.mark.parametrize("family", EMULATORS)
def test_a_card_on_the_reader_until_the_event_is_durable(
    tmp_path: Path, figures: Figures, family: str
) -> None:
    """Two figures: from the frame that named the card, and from laying it on, polling included."""
    done: queue.Queue[tuple[str | None, int, int]] = queue.Queue()
    emulator = EMULATORS[family](tmp_path / family)
    emulator.start()
    with station_with(tmp_path, [_badge(number) for number in range(TAPS)]) as station:

        def on_arrival(arrival: Arrival) -> None:
            outcome = station.on_arrival(arrival)
            done.put((outcome.event_type, arrival.mono_ns, clock.mono_ns()))

        clock = SystemClock(assume_synced=True)
        config = ReaderConfig(family, str(tmp_path / family), {})
        reader = open_reader(config, Listener(on_arrival), clock)
        _wait_for(lambda: reader.health().chip is not None)
        from_frame_ms, from_card_ms = [], []
        for number in range(TAPS):
            laid_ns = clock.mono_ns()
            emulator.obey(json.dumps({"put": _badge(number)}).encode())
            kind, read_ns, ended_ns = done.get(timeout=DEADLINE_S)
            assert kind == events.SHIFT_SIGNED_ON
            from_frame_ms.append((ended_ns - read_ns) / 1e6)
            from_card_ms.append((ended_ns - laid_ns) / 1e6)
            emulator.obey(b'{"remove": true}')
        reader.close()
    emulator.stop()
    figures[f"{family}: card named to durable"] = of_times(from_frame_ms)
    figures[f"{family}: card laid on to durable"] = of_times(from_card_ms)


def test_a_scanned_code_until_the_event_is_durable(tmp_path: Path, figures: Figures) -> None:
    """From the last byte of a line on the pty, as for 125 kHz frames. UHF has no such figure: a
    hint makes no event."""
    done: queue.Queue[tuple[str | None, int]] = queue.Queue()
    line = PtyLine(tmp_path / "scanner")
    line.plug()
    texts = [f"BADGE-{number:06d}" for number in range(TAPS)]
    with station_with(tmp_path, [code_tag(text) for text in texts]) as station:

        def on_arrival(arrival: Arrival) -> None:
            outcome = station.on_arrival(arrival)
            done.put((outcome.event_type, clock.mono_ns()))

        clock = SystemClock(assume_synced=True)
        config = ReaderConfig("scanner", str(tmp_path / "scanner"), {})
        reader = open_reader(config, Listener(on_arrival), clock)
        _wait_for(lambda: reader.health().port.state == "open")
        samples_ms = []
        for text in texts:
            line.write(text.encode())
            began_ns = clock.mono_ns()
            line.write(b"\r\n")
            kind, ended_ns = done.get(timeout=DEADLINE_S)
            assert kind == events.SHIFT_SIGNED_ON
            samples_ms.append((ended_ns - began_ns) / 1e6)
        reader.close()
    line.unplug()
    figures["scanner: last byte to durable"] = of_times(samples_ms)


def test_an_idle_agent_with_an_rc522_and_a_pn532(tmp_path: Path, figures: Figures) -> None:
    """Percent of one core and resident megabytes of `valet-agent run`; budget: 2 % and 80 MB."""
    links = {family: tmp_path / family for family in EMULATORS}
    readers = ",".join(f"{family}:{link}" for family, link in links.items())
    with _emulators(links), RunningBooth(tmp_path, VALET_AGENT_READERS=readers) as booth:
        pid, pause = booth.process.pid, threading.Event()
        pause.wait(5.0)
        before_s, began_s = cpu_s(pid), time.monotonic()
        pause.wait(IDLE_S)
        used_s, passed_s = cpu_s(pid) - before_s, time.monotonic() - began_s
        figures["idle agent, RC522 and PN532"] = {
            "n": 1.0,
            "seconds": round(passed_s, 1),
            "cpu_percent": round(100 * used_s / passed_s, 2),
            "resident_mb": round(resident_mb(pid), 1),
        }


def _badge(number: int) -> str:
    return f"nfca:04{number + 1:08X}5E80"


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@contextmanager
def _emulators(links: dict[str, Path]) -> Iterator[None]:
    """In processes of their own: what they cost is not the agent's."""
    children = []
    for family, link in links.items():
        command = [sys.executable, "-m", "reader_agent.commands", "emulate", family]
        child = subprocess.Popen(
            [*command, "--link", str(link)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert b"ready" in child.stdout.readline()
        children.append(child)
    try:
        yield
    finally:
        for child in children:
            child.terminate()
            child.communicate(timeout=DEADLINE_S)
