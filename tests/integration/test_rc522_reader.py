"""The RC522 reader as a station runs it: its own thread, and an emulated chip on a socket."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reader_agent.cards.conversation import Card, CardError, Errand, Talk
from reader_agent.cards.look import look
from reader_agent.clock import FakeClock, SystemClock
from reader_agent.drivers.rc522_device import open_registers
from reader_agent.drivers.rc522_reader import RC522Reader
from reader_agent.drivers.rc522_registers import HINT, OpenError, Registers
from reader_agent.drivers.reader import CardReader, Listener
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.emulators.rc522 import RC522Emulator
from tests.rc522_station import DEADLINE_S, Station, obey

LINK = "https://valet.example/t"
TAG = "nfca:04E20B66100289"
NTAG = {"model": "ntag215", "uid": TAG[5:], "url": LINK}
LEAN = """
import importlib, pkgutil, sys, threading
import reader_agent
from reader_agent.clock import SystemClock
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
for module in pkgutil.walk_packages(reader_agent.__path__, "reader_agent."):
    importlib.import_module(module.name)
arrived = threading.Event()
reader = open_reader(
    ReaderConfig.parse("rc522:" + sys.argv[1]), Listener(lambda _: arrived.set()), SystemClock()
)
assert arrived.wait(60)
reader.close()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"mfrc522", "RPi", "spidev"}))
"""


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-rc522"


@pytest.fixture
def emulator(device: Path) -> Iterator[RC522Emulator]:
    chip = RC522Emulator(device, SystemClock())
    chip.start()
    yield chip
    chip.stop()


@pytest.fixture
def station(emulator: RC522Emulator, device: Path) -> Iterator[Station]:
    it = Station(device)
    yield it
    it.reader.close()


def test_a_card_arrives_with_its_words_and_departs(
    emulator: RC522Emulator, station: Station
) -> None:
    station.wait_for(station.is_well)
    assert obey(emulator, {"put": NTAG}) == "put"
    station.wait_for(lambda: bool(station.arrivals))
    obey(emulator, {"remove": True})
    station.wait_for(lambda: bool(station.departures))
    arrival = station.arrivals[0]
    assert (arrival.tag, arrival.reader, arrival.confirmed) == (TAG, "counter", True)
    assert arrival.text == LINK


def test_the_chip_says_who_it_is_and_when_it_was_heard_last(station: Station) -> None:
    station.wait_for(station.is_well)
    health = station.reader.health()
    assert (health.name, health.family, health.chip) == ("counter", "rc522", "MFRC522 v2.0 (92)")
    first = health.port.last_byte_mono_ns
    assert first is not None
    station.wait_for(lambda: (station.reader.health().port.last_byte_mono_ns or 0) > first)


def test_a_chip_that_does_not_answer_is_a_fault_on_an_open_port_and_said_once(
    emulator: RC522Emulator, station: Station
) -> None:
    station.wait_for(station.is_well)
    with capture_logs() as logs:
        emulator.fault("reads_00", 1_000_000)
        station.wait_for(lambda: station.has_fault("open", "reader_silent"))
        assert station.reader.health().chip is None
        heard = station.reader.health().port.last_byte_mono_ns
        turned = station.reader.health().port.turned_mono_ns or 0
        station.wait_for(lambda: (station.reader.health().port.turned_mono_ns or 0) > turned + 5e7)
        assert station.reader.health().port.last_byte_mono_ns == heard
        emulator.fault("reads_00", 0)
        station.wait_for(station.is_well)
    assert [entry["event"] for entry in logs] == ["reader.fault", "reader.answers"]


def test_a_device_that_is_missing_is_waited_for(device: Path) -> None:
    with capture_logs() as logs:
        it = Station(device)
        it.wait_for(lambda: it.has_fault("waiting", "port_missing"))
        chip = RC522Emulator(device, SystemClock())
        chip.start()
        it.wait_for(it.is_well)
        it.reader.close()
        chip.stop()
    assert [entry["event"] for entry in logs] == ["reader.waiting", "reader.open"]
    assert "raspi-config" in logs[0]["hint"]


def test_thirty_unplugs_leak_no_thread_and_no_file(device: Path) -> None:
    threads = threading.active_count()
    files = len(list(Path("/proc/self/fd").iterdir()))
    chip = RC522Emulator(device, SystemClock())
    chip.start()
    it = Station(device)
    for _ in range(30):
        it.wait_for(it.is_well)
        obey(chip, {"unplug": True})
        it.wait_for(lambda: it.reader.health().port.state == "lost")
        obey(chip, {"plug": True})
    it.wait_for(it.is_well)
    obey(chip, {"tag": NTAG, "hold_ms": 300})
    it.wait_for(lambda: bool(it.arrivals))
    it.reader.close()
    chip.stop()
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert not device.is_symlink()


def test_a_loss_and_a_return_are_each_logged_once(emulator: RC522Emulator, device: Path) -> None:
    with capture_logs() as logs:
        it = Station(device)
        it.wait_for(it.is_well)
        emulator.unplug()
        it.wait_for(lambda: it.has_fault("lost", "port_missing"))
        emulator.plug()
        it.wait_for(it.is_well)
        it.reader.close()
    assert [entry["event"] for entry in logs] == ["reader.open", "reader.lost", "reader.back"]
    assert logs[1]["fault"] == "port_lost"


@pytest.mark.parametrize("count", [1, 5, 60])
def test_a_bus_that_raises_is_opened_again(
    emulator: RC522Emulator, station: Station, count: int
) -> None:
    station.wait_for(station.is_well)
    opened = station.reader.health().port.opened_mono_ns or 0
    emulator.fault("spi_error", count)
    station.wait_for(lambda: (station.reader.health().port.opened_mono_ns or 0) > opened)
    emulator.put(emulator._drawer.take(NTAG))
    station.wait_for(lambda: bool(station.arrivals))


def test_a_bus_that_fails_under_a_card_makes_no_second_arrival(
    emulator: RC522Emulator, station: Station
) -> None:
    obey(emulator, {"put": NTAG})
    station.wait_for(lambda: bool(station.arrivals))
    opened = station.reader.health().port.opened_mono_ns or 0
    obey(emulator, {"fault": "spi_error"})
    station.wait_for(lambda: (station.reader.health().port.opened_mono_ns or 0) > opened)
    obey(emulator, {"remove": True})
    station.wait_for(lambda: bool(station.departures))
    assert len(station.arrivals) == 1


def test_a_second_station_finds_the_chip_busy_and_gets_it_when_it_is_free(
    emulator: RC522Emulator, device: Path
) -> None:
    first = Station(device)
    first.wait_for(first.is_well)
    second = Station(device)
    second.wait_for(lambda: second.has_fault("waiting", "port_busy"))
    assert first.is_well()
    first.reader.close()
    second.wait_for(second.is_well)
    second.reader.close()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_neither_spi_nor_a_socket_is_refused_with_a_hint(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "notes.txt"
    if kind == "file":
        path.touch()
    else:
        path.mkdir()
    with pytest.raises(OpenError) as refused:
        open_registers(str(path), 22, 1_000_000)
    assert refused.value.fault == "port_failed"
    assert "/dev/spidev0.0" in HINT["port_failed"]


def test_an_emulator_that_died_left_a_socket_that_nobody_answers(
    device: Path, emulator: RC522Emulator
) -> None:
    target = device.resolve()
    emulator.stop()
    target.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(target))
    device.symlink_to(target)
    with pytest.raises(OpenError) as refused:
        open_registers(str(device), 22, 1_000_000)
    assert refused.value.fault == "port_missing"
    emulator.start()
    target.unlink()
    target.parent.rmdir()
    open_registers(str(device), 22, 1_000_000).close()


def errand(tag: str = TAG, talk: Any = look) -> Errand:
    return Errand(tag, talk, Future())


def test_an_errand_runs_on_the_readers_thread(emulator: RC522Emulator, station: Station) -> None:
    assert isinstance(station.reader, CardReader)
    obey(emulator, {"put": NTAG})
    station.wait_for(lambda: bool(station.arrivals))

    def where(_card: Card) -> Talk[str]:
        yield b"\x30\x04"
        return threading.current_thread().name

    task = errand(talk=where)
    station.reader.run(task)
    assert task.done.result(DEADLINE_S).startswith("rc522 ")


def test_an_errand_that_was_called_off_is_not_run(station: Station) -> None:
    task = errand()
    task.done.cancel()
    station.reader.run(task)
    second = errand()
    station.reader.run(second)
    assert isinstance(second.done.exception(DEADLINE_S), CardError)
    assert task.done.cancelled()


def test_an_errand_is_refused_while_there_is_no_reader_and_after_it_was_closed(
    device: Path,
) -> None:
    it = Station(device)
    task = errand()
    it.reader.run(task)
    assert isinstance(task.done.exception(DEADLINE_S), CardError)
    it.reader.close()
    late = errand()
    it.reader.run(late)
    assert isinstance(late.done.exception(DEADLINE_S), CardError)


def test_closing_tells_the_errands_that_wait(emulator: RC522Emulator, station: Station) -> None:
    obey(emulator, {"put": NTAG})
    station.wait_for(lambda: bool(station.arrivals))
    tasks = [errand() for _ in range(20)]
    for task in tasks:
        station.reader.run(task)
    station.reader.close()
    for task in tasks:
        error = task.done.exception(DEADLINE_S)
        assert error is None or isinstance(error, CardError)


@pytest.mark.parametrize(("fault", "state"), [("gpio_failed", "waiting"), ("not_a_pi", "waiting")])
def test_a_pin_or_package_that_cannot_be_used_is_in_the_health_and_the_log(
    tmp_path: Path, fault: str, state: str
) -> None:
    def refuse(_device: str, _pin: int, _speed: int) -> Registers:
        raise OpenError(fault, "what the library said")

    with capture_logs() as logs:
        it = Station(tmp_path, open_chip=refuse)
        it.wait_for(lambda: it.has_fault(state, fault))
        it.reader.close()
    assert [(entry["fault"], entry["detail"]) for entry in logs] == [
        (fault, "what the library said")
    ]
    assert logs[0]["hint"] == HINT[fault]


def test_a_fault_of_our_own_makes_no_reader_deaf_for_good(
    emulator: RC522Emulator, device: Path
) -> None:
    failures = [ZeroDivisionError()]

    def open_badly(name: str, pin: int, speed: int) -> Registers:
        registers = open_registers(name, pin, speed)
        if failures:
            read = registers.read

            def fail(_reg: int) -> int:
                registers.read = read  # type: ignore[method-assign]
                raise failures.pop()

            registers.read = fail  # type: ignore[method-assign, assignment]
        return registers

    with capture_logs() as logs:
        it = Station(device, open_chip=open_badly)
        it.wait_for(it.is_well)
        it.reader.close()
    assert "reader.failed" in [entry["event"] for entry in logs]


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("?rst=10", "rst=10"),
        ("?rst=15x", "whole number"),
        ("?poll_ms=0", "whole number"),
        ("?gain_db=50", "18, 23, 33, 38, 43, 48"),
        ("?baud=9600", "no such setting: baud"),
    ],
)
def test_a_wrong_setting_is_refused(query: str, hint: str) -> None:
    with pytest.raises(ReaderConfigError, match=hint) as refused:
        RC522Reader(
            ReaderConfig.parse(f"rc522:/dev/spidev0.0{query}"), Listener(print), FakeClock()
        )
    assert refused.value.code == "reader_option_wrong"


def test_off_a_pi_neither_the_package_nor_its_dependencies_are_imported(
    emulator: RC522Emulator, device: Path
) -> None:
    obey(emulator, {"put": NTAG})
    ended = subprocess.run(
        [sys.executable, "-c", LEAN, str(device)], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1:] == ["[]"], ended.stderr


def test_idling_costs_next_to_nothing(emulator: RC522Emulator, device: Path) -> None:
    it = Station(device, query="")
    it.wait_for(it.is_well)
    clock, pause = SystemClock(), threading.Event()
    before, began_ns = resource.getrusage(resource.RUSAGE_SELF), clock.mono_ns()
    pause.wait(2.0)
    after, ended_ns = resource.getrusage(resource.RUSAGE_SELF), clock.mono_ns()
    it.reader.close()
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Both ends of the socket run in this process, so a station has about half of it.
    assert used_s / ((ended_ns - began_ns) / 1e9) < 0.05
