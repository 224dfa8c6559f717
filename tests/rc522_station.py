"""An RC522 reader with its own thread on an emulated chip, and what it tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reader_agent.clock import SystemClock
from reader_agent.drivers.rc522_reader import RC522Reader
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.presence import Arrival, Departure

DEADLINE_S = 60.0
QUICK = (0.01,)


def wait_for(is_so: Callable[[], bool], what: Callable[[], object] = lambda: None) -> None:
    """Poll until it is so."""
    clock, pause = SystemClock(), threading.Event()
    end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
    while not is_so():
        assert clock.mono_ns() < end_ns, what()
        pause.wait(0.002)


class Station:
    """A reader on an emulator, and what it tells."""

    def __init__(self, device: Path, query: str = "?poll_ms=20&name=counter", **how: Any) -> None:
        self.arrivals: list[Arrival] = []
        self.departures: list[Departure] = []
        self.reader = RC522Reader(
            ReaderConfig.parse(f"rc522:{device}{query}"),
            Listener(self.arrivals.append, self.departures.append),
            SystemClock(),
            retry_s=QUICK,
            **how,
        )

    def is_well(self) -> bool:
        health = self.reader.health()
        return (health.port.state, health.port.fault) == ("open", None) and health.chip is not None

    def has_fault(self, state: str, fault: str) -> bool:
        port = self.reader.health().port
        return (port.state, port.fault) == (state, fault)

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        wait_for(is_so, self.reader.health)


def obey(emulator: RC522Emulator, command: dict[str, Any]) -> str:
    """Give the emulator one command."""
    return emulator.obey(json.dumps(command).encode())
