"""Whatever befalls a PN532 on its line: it comes back by itself, and the next tap arrives."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent.cards.conversation import Card, CardError, Errand, Talk
from reader_agent.clock import SystemClock
from reader_agent.drivers.pn532_reader import PN532Reader
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.presence import Arrival, Departure
from tests.device_rival import held_by_another, open_files

DEADLINE_S = 60.0
URL = "https://example.com/t/7"
LINK = {"model": "ntag215", "uid": "04AB87F2CA1190", "url": URL}
TAG = "nfca:04AB87F2CA1190"
ONE_COMMAND = ("no_ack", "late_ack", "nack", "error_frame", "silence")
ONE_ANSWER = ("split", "stray", "bad_dcs", "truncated", "stale_answer")


class Desk:
    """A reader on an emulated chip; the chip can be there before the reader is opened."""

    def __init__(self, device: Path) -> None:
        self.device = device
        self.emulator = PN532Emulator(PtyLine(device), SystemClock())
        self.emulator.start()
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.departures: queue.Queue[Departure] = queue.Queue()
        self.reader: PN532Reader | None = None

    def open(self) -> PN532Reader:
        listener = Listener(self.arrivals.put, self.departures.put)
        config = ReaderConfig.parse(f"pn532:{self.device}")
        self.reader = PN532Reader(config, listener, SystemClock())
        return self.reader

    def open_and_wait(self) -> None:
        reader = self.open()
        self.wait_until(lambda: reader.health().chip is not None)

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
        self.emulator.stop()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition; fails when it does not come."""
        clock, pause = SystemClock(), threading.Event()
        end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
        while not is_so():
            assert clock.mono_ns() < end_ns, self.reader and self.reader.health()
            pause.wait(0.005)

    def fault(self) -> str | None:
        assert self.reader is not None
        return self.reader.health().port.fault

    def lay(self) -> Arrival:
        """Lay the tag on it until it has arrived."""
        self.emulator.put(LINK)
        return self.arrivals.get(timeout=DEADLINE_S)

    def tap(self) -> Arrival:
        """Lay the tag on it until it has arrived, and take it away until it has departed."""
        arrival = self.lay()
        self.emulator.remove()
        self.departures.get(timeout=DEADLINE_S)
        return arrival


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "valet-pn532")
    yield desk
    desk.close()


@pytest.mark.parametrize("fault", [*ONE_COMMAND, *ONE_ANSWER])
def test_a_fault_between_two_taps_costs_neither(desk: Desk, fault: str) -> None:
    desk.open_and_wait()
    desk.emulator.fault(fault, 2)
    arrival = desk.lay()
    assert (arrival.tag, arrival.text) == (TAG, URL)
    assert desk.arrivals.empty()


@pytest.mark.parametrize("fault", [*ONE_COMMAND, *ONE_ANSWER])
def test_a_fault_while_the_chip_is_being_found_is_outlived(desk: Desk, fault: str) -> None:
    desk.emulator.fault(fault)
    desk.open()
    assert desk.lay().tag == TAG
    assert desk.fault() is None


@pytest.mark.parametrize("fault", ["split", "stray", "bad_dcs", "no_ack", "nack"])
def test_a_line_that_is_bad_all_the_time_still_carries_a_tap(desk: Desk, fault: str) -> None:
    desk.open_and_wait()
    desk.emulator.fault(fault, 7 if fault == "nack" else 1_000_000)
    assert desk.lay().tag == TAG


def test_a_chip_that_a_killed_program_left_at_921600_baud_is_called_back(desk: Desk) -> None:
    desk.emulator.fault("stuck_baud")
    desk.open_and_wait()
    assert desk.emulator.firmware.baud == 115200
    assert desk.lay().tag == TAG


def test_a_chip_that_starts_anew_behind_our_back_is_made_ready_again(desk: Desk) -> None:
    desk.open_and_wait()
    desk.tap()
    desk.emulator.fault("brown_out")
    assert desk.lay().tag == TAG


def test_an_answer_to_the_session_before_is_no_answer_to_this_one(desk: Desk) -> None:
    desk.open_and_wait()
    desk.lay()
    assert desk.reader is not None
    desk.reader.close()
    desk.emulator.remove()
    desk.emulator.fault("stale_answer", 4)
    desk.open_and_wait()
    desk.wait_until(lambda: len(desk.emulator.commands) > 20)
    assert desk.arrivals.empty()
    assert desk.lay().tag == TAG


def test_a_silent_chip_is_said_to_be_silent_with_the_time_of_its_last_byte(desk: Desk) -> None:
    with capture_logs() as logs:
        desk.open_and_wait()
        desk.emulator.fault("silence", 1_000_000)
        desk.wait_until(lambda: desk.fault() == "reader_silent")
        assert desk.reader is not None
        health = desk.reader.health()
        assert health.port.state == "open"
        assert health.port.last_byte_mono_ns is not None
        silent_ns = SystemClock().mono_ns() - health.port.last_byte_mono_ns
        assert silent_ns > 1e9
        desk.emulator.commands.clear()
        desk.emulator.fault("silence", 0)
        assert desk.lay().tag == TAG
        assert desk.fault() is None
    events = [(entry["event"], entry.get("fault")) for entry in logs]
    assert events == [
        ("reader.open", None),
        ("reader.fault", "reader_silent"),
        ("reader.answers", None),
    ]


def test_a_port_with_nobody_behind_it_is_silent_and_not_hammered(tmp_path: Path) -> None:
    line = PtyLine(tmp_path / "valet-pn532")
    line.plug()
    desk = PN532Reader(
        ReaderConfig.parse(f"pn532:{tmp_path / 'valet-pn532'}"),
        Listener(lambda _: None),
        SystemClock(),
    )
    pause, clock = threading.Event(), SystemClock()
    end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
    while desk.health().port.fault != "reader_silent":
        assert clock.mono_ns() < end_ns
        pause.wait(0.02)
    assert desk.health().port.last_byte_mono_ns is None
    assert desk.health().chip is None
    line.read()
    pause.wait(2.0)
    sent = line.read()
    desk.close()
    line.unplug()
    assert sent == b""


def test_a_card_that_lies_there_when_the_chip_falls_silent_departs(desk: Desk) -> None:
    desk.open_and_wait()
    desk.lay()
    desk.emulator.fault("silence", 1_000_000)
    assert desk.departures.get(timeout=DEADLINE_S).tag == TAG
    assert desk.fault() == "reader_silent"


def test_a_hiccup_while_a_card_lies_there_is_no_second_arrival(desk: Desk) -> None:
    desk.open_and_wait()
    desk.lay()
    desk.emulator.commands.clear()
    desk.emulator.fault("silence", 4)
    # SAMConfiguration means that it was given up and found again.
    desk.wait_until(lambda: b"\x14\x01" in desk.emulator.commands)
    desk.emulator.commands.clear()
    desk.wait_until(lambda: len(desk.emulator.commands) > 20)
    assert desk.arrivals.empty()
    assert desk.departures.empty()


def test_the_plug_is_pulled_and_put_back(desk: Desk) -> None:
    desk.open_and_wait()
    for _ in range(3):
        desk.lay()
        desk.emulator.unplug()
        assert desk.departures.get(timeout=DEADLINE_S).tag == TAG
        desk.emulator.remove()
        desk.emulator.plug()
    assert desk.lay().tag == TAG


def test_an_errand_under_way_is_told_when_the_plug_is_pulled(desk: Desk) -> None:
    def cut_off(_card: Card) -> Talk[bytes]:
        threading.Thread(target=desk.emulator.unplug).start()
        for _ in range(10_000):
            yield b"\x30\x00"
        return b""

    desk.open_and_wait()
    desk.lay()
    done: Future[bytes] = Future()
    assert desk.reader is not None
    desk.reader.run(Errand(TAG, cut_off, done))
    with pytest.raises(CardError, match="card_gone"):
        done.result(timeout=DEADLINE_S)


def test_a_port_that_another_process_holds_is_taken_when_it_is_free(desk: Desk) -> None:
    with held_by_another(desk.device):
        desk.open()
        desk.wait_until(lambda: desk.fault() == "port_busy")
    assert desk.lay().tag == TAG


def test_twenty_unplugs_leak_no_thread_and_no_file(tmp_path: Path) -> None:
    threads, fds = threading.active_count(), open_files()
    desk = Desk(tmp_path / "valet-pn532")
    desk.open_and_wait()
    assert desk.reader is not None
    health = desk.reader.health
    for _ in range(20):
        desk.emulator.unplug()
        desk.wait_until(lambda: health().port.state != "open")
        desk.emulator.commands.clear()
        desk.emulator.plug()
        desk.wait_until(lambda: b"\x4a\x02\x00" in desk.emulator.commands)
    assert desk.lay().tag == TAG
    desk.close()
    assert threading.active_count() == threads
    assert open_files() == fds
