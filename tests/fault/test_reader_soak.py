"""A cable that is pulled and put back a thousand times, at a reader of each family."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from reader_agent.clock import SystemClock
from reader_agent.drivers import rc522_reader, serial_port
from reader_agent.drivers.port_watch import PortWatch
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
from reader_agent.emulators.em125 import EM125Emulator
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.r200 import R200Emulator
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.emulators.scanner import ScannerEmulator
from tests.device_rival import open_files
from tests.reader_ear import Ear, wait_for

QUICK_S = 0.002


class Device(Protocol):
    """What every emulator can be told."""

    def start(self) -> None:
        """Appear."""

    def stop(self) -> None:
        """Disappear."""

    def obey(self, text: bytes) -> str:
        """Carry out a command."""


class Coil(EM125Emulator):
    """The one emulator that has no thread to start."""

    def __init__(self, line: PtyLine) -> None:
        super().__init__(line, SystemClock())

    def start(self) -> None:
        self.plug()

    def stop(self) -> None:
        self.unplug()


@dataclass(frozen=True)
class Family:
    """An emulator, how often its cable is pulled, what is laid on it and what has to arrive."""

    name: str
    make: Callable[[Path], Device]
    cycles: int
    tap: dict[str, object]
    tag: str
    options: Mapping[str, str] = field(default_factory=dict)


UID = "nfca:04416D412B0289"
EPC = "epc:E200001D7315016521408FC6"
FAMILIES = [
    Family(
        "em125",
        lambda link: Coil(PtyLine(link)),
        1000,
        {"tag": "em4100:010063E9AE", "hold_ms": 300},
        "em4100:010063E9AE",
    ),
    Family(
        "pn532",
        lambda link: PN532Emulator(PtyLine(link), SystemClock(), timing=0.1),
        1000,
        {"tag": UID, "hold_ms": 600},
        UID,
    ),
    Family(
        "rc522",
        lambda link: RC522Emulator(link, SystemClock()),
        1000,
        {"tag": UID, "hold_ms": 600},
        UID,
        {"poll_ms": "5"},
    ),
    Family(
        "r200",
        lambda link: R200Emulator(PtyLine(link), SystemClock(), timing=0.1),
        1000,
        {"tag": EPC, "rssi_dbm": -50, "hold_ms": 600},
        EPC,
    ),
    Family(
        "scanner",
        lambda link: ScannerEmulator(PtyLine(link), SystemClock(), timing=0.1),
        1000,
        {"code": "052301"},
        "code:",
    ),
]


@pytest.fixture(autouse=True)
def _quick_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_port, "NODE_POLL_S", QUICK_S)
    monkeypatch.setattr(rc522_reader, "NODE_POLL_S", QUICK_S)
    monkeypatch.setattr(PortWatch, "retry_delay_s", lambda _self: QUICK_S)


def tell(device: Device, **command: object) -> None:
    device.obey(json.dumps(command).encode())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
def test_pulling_the_cable_over_and_over_leaks_nothing(tmp_path: Path, family: Family) -> None:
    link = tmp_path / family.name
    threads, files = threading.active_count(), open_files()
    device, ear = family.make(link), Ear()
    device.start()
    config = ReaderConfig(family.name, str(link), family.options)
    reader = open_reader(config, ear.listener, SystemClock())
    for _ in range(family.cycles):
        wait_for(reader, "open")
        tell(device, unplug=True)
        wait_for(reader, "lost", "port_missing")
        tell(device, plug=True)
    wait_for(reader, "open")
    while ear.arrivals.empty():
        # A reader that has to find its chip first hears a tag that comes a little later.
        tell(device, **family.tap)
    assert ear.confirmed().tag.startswith(family.tag)
    reader.close()
    device.stop()
    assert threading.active_count() == threads
    assert open_files() == files
