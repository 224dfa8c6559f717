"""A UHF module that is unplugged, stolen, dumb, noisy or busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent.clock import SystemClock
from reader_agent.drivers import r200_dialog
from reader_agent.drivers.r200_reader import R200Reader
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.r200 import R200Emulator
from tests.device_rival import held_by_another, open_files
from tests.reader_ear import Ear, wait_for, wait_until

KEYS, OTHER = "epc:E200001D7315016521408FC6", "epc:E28068900000500E88C6A4A7"


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-r200"


@pytest.fixture
def module(device: Path) -> Iterator[R200Emulator]:
    emulator = R200Emulator(PtyLine(device), SystemClock(), timing=0.2)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def ear() -> Ear:
    return Ear()


def open_reader(device: Path, ear: Ear) -> R200Reader:
    return R200Reader(ReaderConfig("r200", str(device), {}), ear.listener, SystemClock())


@pytest.fixture
def reader(device: Path, ear: Ear, module: R200Emulator) -> Iterator[R200Reader]:
    reader = open_reader(device, ear)
    wait_until(lambda: module.is_transmitting, reader.health)
    yield reader
    reader.close()


def test_twenty_unplugs_leak_nothing_and_each_return_makes_it_poll_again(
    device: Path, module: R200Emulator, ear: Ear
) -> None:
    threads, fds = threading.active_count(), open_files()
    reader = open_reader(device, ear)
    reader._port._watch._retry_s = (0.01,)
    for _ in range(20):
        wait_until(lambda: module.is_transmitting, reader.health)
        module.unplug()
        wait_for(reader, "lost", "port_missing")
        assert reader.health().chip is None
        module.plug()
    wait_until(lambda: module.is_transmitting, reader.health)
    module.put(KEYS, -50)
    assert ear.confirmed().tag == KEYS
    reader.close()
    assert threading.active_count() == threads
    assert open_files() == fds


def test_a_tag_departs_when_the_reader_is_unplugged(
    module: R200Emulator, reader: R200Reader, ear: Ear
) -> None:
    module.put(KEYS, -50)
    ear.confirmed()
    module.unplug()
    assert ear.departure().tag == KEYS
    module.plug()
    assert ear.confirmed().tag == KEYS


def test_a_port_held_by_another_process_is_taken_when_it_is_free(
    device: Path, module: R200Emulator, ear: Ear
) -> None:
    with held_by_another(device):
        reader = open_reader(device, ear)
        wait_for(reader, "waiting", "port_busy")
    wait_until(lambda: module.is_transmitting, reader.health)
    reader.close()


def test_a_module_that_says_nothing_is_reported_once_and_found_when_it_speaks(
    device: Path, module: R200Emulator, ear: Ear
) -> None:
    module.fault("silence", 1_000_000)
    with capture_logs() as logs:
        reader = open_reader(device, ear)
        wait_for(reader, "open", "reader_silent")
        assert reader.health().chip is None
        module.fault("silence", 0)
        wait_for(reader, "open")
        module.put(KEYS, -50)
        ear.confirmed()
        reader.close()
    assert [entry["event"] for entry in logs] == ["reader.open", "reader.fault", "reader.answers"]
    assert KEYS not in str(logs)


def test_a_module_that_falls_silent_while_polling_is_noticed(
    device: Path, module: R200Emulator, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(r200_dialog, "QUIET_NS", 300_000_000)
    reader = open_reader(device, ear)
    wait_until(lambda: module.is_transmitting, reader.health)
    module.fault("silence", 1_000_000)
    wait_for(reader, "open", "reader_silent")
    module.fault("silence", 0)
    wait_for(reader, "open")
    reader.close()


def test_a_port_on_which_there_is_nothing_at_all_is_no_working_reader(
    tmp_path: Path, ear: Ear
) -> None:
    line = PtyLine(tmp_path / "dead")
    line.plug()
    reader = open_reader(tmp_path / "dead", ear)
    wait_for(reader, "open", "reader_silent")
    assert reader.health().port.last_byte_mono_ns is None
    reader.close()
    line.unplug()


@pytest.mark.parametrize("fault", ["noise", "bad_crc", "truncated", "busy", "silence"])
def test_spoilt_frames_hide_no_good_ones_and_make_no_tags(
    module: R200Emulator, reader: R200Reader, ear: Ear, fault: str
) -> None:
    module.fault(fault, 40)
    module.put(KEYS, -50)
    assert ear.confirmed().tag == KEYS
    module.fault(fault, 40)
    module.remove()
    module.put(OTHER, -40)
    assert ear.confirmed().tag == OTHER
    left = set()
    while not ear.arrivals.empty():
        left.add(ear.arrivals.get().tag)
    assert left <= {KEYS, OTHER}
    assert reader.health().port.fault is None


def test_noise_from_a_wrong_baud_rate_makes_no_tag_and_no_working_reader(
    tmp_path: Path, ear: Ear
) -> None:
    line = PtyLine(tmp_path / "noisy")
    line.plug()
    reader = open_reader(tmp_path / "noisy", ear)
    wait_for(reader, "open")
    noise = bytes((number * number * 7 + number) & 0xFF for number in range(300))
    silent = threading.Event()

    def pour() -> bool:
        line.write(noise)
        silent.wait(0.01)
        return reader.health().port.fault == "reader_silent"

    wait_until(pour, reader.health)
    assert ear.arrivals.empty()
    assert reader.health().port.last_byte_mono_ns is not None
    reader.close()
    line.unplug()
