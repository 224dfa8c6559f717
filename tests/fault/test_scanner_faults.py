"""A scanner that is unplugged in the middle of a code, stolen, noisy or cut in pieces."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent.clock import SystemClock
from reader_agent.drivers import scanner as scanner_parser
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.scanner_reader import ScannerReader
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.scanner import ScannerEmulator
from tests.device_rival import held_by_another, open_files
from tests.reader_ear import Ear, wait_for, wait_for_chip, wait_until

CODE = "CV1:H-0427:1234"
LONG_NS = 5_000_000_000
"""A pause that no busy machine makes by accident."""


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-scanner"


@pytest.fixture
def scanner(device: Path) -> Iterator[ScannerEmulator]:
    emulator = ScannerEmulator(PtyLine(device), SystemClock())
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def ear() -> Ear:
    return Ear()


def open_reader(device: Path, ear: Ear, **options: str) -> ScannerReader:
    config = ReaderConfig("scanner", str(device), options)
    return ScannerReader(config, ear.listener, SystemClock())


@pytest.fixture
def reader(device: Path, ear: Ear, scanner: ScannerEmulator) -> Iterator[ScannerReader]:
    reader = open_reader(device, ear)
    wait_for(reader, "open")
    yield reader
    reader.close()


def test_twenty_unplugs_leak_nothing_and_each_return_is_read(
    device: Path, scanner: ScannerEmulator, ear: Ear
) -> None:
    threads, fds = threading.active_count(), open_files()
    reader = open_reader(device, ear)
    reader._port._watch._retry_s = (0.01,)
    for number in range(20):
        wait_for(reader, "open")
        scanner.scan(f"code {number}")
        assert ear.arrival().text == f"code {number}"
        scanner.unplug()
        wait_for(reader, "lost", "port_missing")
        scanner.plug()
    wait_for(reader, "open")
    reader.close()
    assert threading.active_count() == threads
    assert open_files() == fds


def test_half_a_code_is_dropped_with_the_plug(
    scanner: ScannerEmulator, reader: ScannerReader, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner_parser, "SILENCE_NS", LONG_NS)
    for number in range(5):
        scanner.send(b"CV1:H-04")
        wait_until(lambda: reader._parser._line == b"CV1:H-04", reader.health)
        scanner.unplug()
        wait_for(reader, "lost", "port_missing")
        scanner.plug()
        wait_for(reader, "open")
        scanner.scan(f"whole {number}")
        assert ear.arrival().text == f"whole {number}"


def test_a_port_held_by_another_process_is_taken_when_it_is_free(
    device: Path, scanner: ScannerEmulator, ear: Ear
) -> None:
    with held_by_another(device):
        reader = open_reader(device, ear)
        wait_for(reader, "waiting", "port_busy")
    wait_for(reader, "open")
    scanner.scan(CODE)
    assert ear.arrival().text == CODE
    reader.close()


def test_a_silent_scanner_is_never_called_well(
    scanner: ScannerEmulator, reader: ScannerReader
) -> None:
    health = reader.health()
    assert health.port.state == "open"
    assert health.port.last_byte_mono_ns is None
    assert health.chip is None


def test_a_gm65_that_falls_silent_is_reported_once_and_found_again(
    device: Path, scanner: ScannerEmulator, ear: Ear
) -> None:
    scanner.fault("silence", 3)
    with capture_logs() as logs:
        reader = open_reader(device, ear, family="gm65")
        wait_for(reader, "open", "reader_silent")
        scanner.scan(CODE)
        assert ear.arrival().text == CODE
        wait_for(reader, "open")
        reader.close()
    assert [entry["event"] for entry in logs] == ["reader.open", "reader.fault", "reader.answers"]


def test_a_gm65_is_asked_again_after_it_was_unplugged(
    device: Path, scanner: ScannerEmulator, ear: Ear
) -> None:
    reader = open_reader(device, ear, family="gm65")
    wait_for_chip(reader, "GM65")
    scanner.unplug()
    wait_for(reader, "lost", "port_missing")
    assert reader.health().chip is None
    scanner.plug()
    wait_for_chip(reader, "GM65")
    reader.close()


@pytest.mark.parametrize("fault", ["split", "noise", "no_end"])
def test_a_code_is_read_through_every_fault(
    scanner: ScannerEmulator,
    reader: ScannerReader,
    ear: Ear,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if fault == "split":
        monkeypatch.setattr(scanner_parser, "SILENCE_NS", LONG_NS)
    scanner.fault(fault)
    scanner.scan(CODE)
    assert ear.arrival().text == CODE
    scanner.scan("after")
    assert ear.arrival().text == "after"
    assert ear.arrivals.empty()


def test_an_ack_that_comes_in_pieces_is_no_code(
    device: Path, scanner: ScannerEmulator, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner_parser, "SILENCE_NS", LONG_NS)
    scanner.fault("split", 2)
    reader = open_reader(device, ear, family="gm65")
    wait_for_chip(reader, "GM65")
    scanner.scan(CODE)
    assert ear.arrival().text == CODE
    assert ear.arrivals.empty()
    reader.close()
