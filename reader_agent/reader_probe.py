"""Asks a device which reader it is, with the drivers themselves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from reader_agent.clock import Clock
from reader_agent.drivers.em125 import EM125Parser
from reader_agent.drivers.reader import Listener, Reader
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
from reader_agent.drivers.scanner import ScannerParser
from reader_agent.drivers.serial_port import SerialPort

ASKING = ("pn532", "r200")
"""Families whose readers answer when they are asked, on a serial port."""
_QUIET = {"r200": {"radio": "off"}}
"""Whoever asks what is there must not transmit."""
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """What is on a device. `family` is None where nothing said anything; `chip` is what it said
    of itself; `fault` is why the device could not be asked at all."""

    family: str | None = None
    chip: str | None = None
    fault: str | None = None


def ask(device: str, families: Sequence[str], clock: Clock, patience_s: float) -> Answer:
    """Try the families whose readers can be asked, each for at most `patience_s` seconds."""
    for family in families:
        config = ReaderConfig(family, device, _QUIET.get(family, {}))
        reader = open_reader(config, Listener(lambda _: None), clock)
        try:
            answer = _wait_for_answer(reader, family, clock, patience_s)
        finally:
            reader.close()
        if answer is not None:
            return answer
    return Answer()


def listen(device: str, clock: Clock, patience_s: float) -> Answer:
    """Wait for a reader that only talks: it has to be given a tag or a code meanwhile."""
    em125, scanner = EM125Parser(), ScannerParser()
    heard: list[str] = []
    said = threading.Event()

    def on_bytes(data: bytes, mono_ns: int) -> None:
        if em125.feed(data, mono_ns):
            heard.append("em125")
        elif scanner.feed(data, mono_ns):
            heard.append("scanner")
        if heard:
            said.set()

    port = SerialPort(device, on_bytes, lambda _mono_ns: None, clock=clock)
    port.start()
    try:
        said.wait(patience_s)
        fault = port.health().fault
    finally:
        port.stop()
    return Answer(family=heard[0]) if heard else Answer(fault=fault)


def _wait_for_answer(reader: Reader, family: str, clock: Clock, patience_s: float) -> Answer | None:
    """None when nothing of this family answers there."""
    end_ns = clock.mono_ns() + round(patience_s * 1_000_000_000)
    pause = threading.Event()
    while clock.mono_ns() < end_ns:
        health = reader.health()
        if health.chip is not None:
            return Answer(family, health.chip)
        if health.port.state != "open" and health.port.fault is not None:
            return Answer(fault=health.port.fault)
        if health.port.fault is not None:
            return None
        pause.wait(LOOK_S)
    return None
