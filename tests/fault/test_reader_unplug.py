"""Cables pulled, devices stolen by another process, and all that pyserial raises then."""

from __future__ import annotations

import errno
import os
import queue
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from structlog.testing import capture_logs

from reader_agent.clock import FakeClock, SystemClock
from reader_agent.drivers.port_watch import RETRY_S
from reader_agent.drivers.serial_port import READ_S, BytePort, SerialPort, open_serial
from reader_agent.emulators.pty_line import PtyLine
from tests.agent_process import AgentProcess
from tests.device_rival import held_by_another, open_files

DEADLINE_S = 60.0
QUICK = (0.01,)


class Consumer:
    """Takes what a port hands over, and lets a test wait for it."""

    def __init__(self) -> None:
        self.chunks: queue.Queue[bytes] = queue.Queue()
        self.caught_up = threading.Event()

    def on_bytes(self, data: bytes, _mono_ns: int) -> None:
        self.chunks.put(data)

    def on_caught_up(self, _mono_ns: int) -> None:
        self.caught_up.set()

    def expect(self, data: bytes) -> None:
        """Wait until exactly these bytes have come, in whatever chunks."""
        got = b""
        while len(got) < len(data):
            got += self.chunks.get(timeout=DEADLINE_S)
        assert got == data


class ScriptedPort:
    """A port whose reads are functions: each gives bytes or raises."""

    def __init__(
        self, *reads: Callable[[], bytes], in_waiting: Callable[[], int] = lambda: 0
    ) -> None:
        self._reads = list(reads)
        self._in_waiting = in_waiting
        self.closed = False
        self.baudrate = 9600

    @property
    def in_waiting(self) -> int:
        return self._in_waiting()

    def read(self, _size: int = 1, /) -> bytes:
        if self._reads:
            return self._reads.pop(0)()
        threading.Event().wait(READ_S)
        return b""

    def write(self, data: bytes, /) -> int:
        return len(data)

    def close(self) -> None:
        self.closed = True


def failing(error: Exception) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


def failing_read(error: Exception) -> Callable[[], bytes]:
    def fail() -> bytes:
        raise error

    return fail


def wait_for(port: SerialPort, state: str, fault: str | None = None) -> None:
    """Poll the port's health until it is as told."""
    clock, pause = SystemClock(), threading.Event()
    end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
    while (port.health().state, port.health().fault) != (state, fault):
        assert clock.mono_ns() < end_ns, port.health()
        pause.wait(0.002)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    cable = PtyLine(tmp_path / "valet-em125")
    cable.plug()
    yield cable
    cable.unplug()


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-em125"


def test_fifty_unplugs_leak_no_thread_and_no_file(line: PtyLine, device: Path) -> None:
    consumer = Consumer()
    threads, fds = threading.active_count(), open_files()
    port = SerialPort(
        str(device), consumer.on_bytes, consumer.on_caught_up, clock=SystemClock(), retry_s=QUICK
    )
    port.start()
    for turn in range(50):
        wait_for(port, "open")
        data = b"turn %d" % turn
        line.write(data)
        consumer.expect(data)
        port.good_frame()
        line.unplug()
        wait_for(port, "lost", "port_missing")
        line.plug()
    wait_for(port, "open")
    port.stop()
    assert threading.active_count() == threads
    assert open_files() == fds


def test_a_loss_and_a_return_are_each_logged_once(line: PtyLine, device: Path) -> None:
    consumer = Consumer()
    with capture_logs() as logs:
        port = SerialPort(
            str(device),
            consumer.on_bytes,
            consumer.on_caught_up,
            clock=SystemClock(),
            retry_s=QUICK,
        )
        port.start()
        wait_for(port, "open")
        line.unplug()
        wait_for(port, "lost", "port_missing")
        for _ in range(3):
            # A few turns of waiting, each of which could have complained again.
            consumer.caught_up.clear()
            assert consumer.caught_up.wait(DEADLINE_S)
        line.plug()
        wait_for(port, "open")
        port.stop()
    assert [entry["event"] for entry in logs] == ["reader.open", "reader.lost", "reader.back"]
    assert logs[1]["fault"] == "port_lost"


def test_a_port_held_by_another_process_is_busy_and_is_taken_when_it_is_free(
    line: PtyLine, device: Path
) -> None:
    consumer = Consumer()
    with held_by_another(device):
        port = SerialPort(
            str(device),
            consumer.on_bytes,
            consumer.on_caught_up,
            clock=SystemClock(),
            retry_s=QUICK,
        )
        port.start()
        wait_for(port, "waiting", "port_busy")
    wait_for(port, "open")
    line.write(b"mine")
    consumer.expect(b"mine")
    port.stop()


def test_a_second_read_command_says_that_the_port_is_busy(line: PtyLine, device: Path) -> None:
    args = ("read", "--reader", "em125", "--port", str(device))
    with AgentProcess(*args) as first:
        first.logged("reader.open")
        with AgentProcess(*args) as second:
            assert "another process holds the port" in second.logged("port_busy")
            assert second.stop() == 0
            assert second.stderr.count("port_busy") == 1
        assert first.stop() == 0


ERRORS = [
    serial.SerialException("device reports readiness to read but returned no data"),
    serial.PortNotOpenError(),
    OSError(errno.EIO, os.strerror(errno.EIO)),
    termios.error(errno.EIO, os.strerror(errno.EIO)),
    TypeError("'NoneType' object cannot be interpreted as an integer"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["open", "in_waiting", "read"])
def test_whatever_pyserial_raises_the_port_is_closed_and_opened_again(
    tmp_path: Path, error: Exception, where: str
) -> None:
    broken = {
        "open": ScriptedPort(),
        "in_waiting": ScriptedPort(in_waiting=failing(error)),
        "read": ScriptedPort(lambda: b"first", failing_read(error)),
    }[where]
    mended = ScriptedPort(lambda: b"second")
    opens: list[ScriptedPort] = [broken, mended]

    def open_port(_device: str, _baud: int) -> BytePort:
        port = opens.pop(0)
        if port is broken and where == "open":
            raise error
        return port

    consumer = Consumer()
    port = SerialPort(
        str(tmp_path),
        consumer.on_bytes,
        consumer.on_caught_up,
        clock=SystemClock(),
        retry_s=QUICK,
        open_port=open_port,
    )
    port.start()
    consumer.expect(b"firstsecond" if where == "read" else b"second")
    wait_for(port, "open")
    port.stop()
    assert mended.closed
    assert broken.closed or where == "open"


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.EAGAIN, "port_busy"),
        (errno.EBUSY, "port_busy"),
        (errno.EACCES, "port_forbidden"),
        (errno.ENXIO, "port_missing"),
        (errno.ENOTTY, "port_failed"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why(tmp_path: Path, number: int, fault: str) -> None:
    def open_port(_device: str, _baud: int) -> BytePort:
        raise serial.SerialException(number, os.strerror(number))

    consumer = Consumer()
    port = SerialPort(
        str(tmp_path),
        consumer.on_bytes,
        consumer.on_caught_up,
        clock=SystemClock(),
        retry_s=QUICK,
        open_port=open_port,
    )
    port.start()
    wait_for(port, "waiting", fault)
    port.stop()
    assert port.health().opened_mono_ns is None


def test_a_plain_file_is_no_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no tty")
    with pytest.raises(serial.SerialException):
        open_serial(str(path), 9600)


def test_a_consumer_that_fails_does_not_make_the_reader_deaf(line: PtyLine, device: Path) -> None:
    consumer = Consumer()

    def on_bytes(data: bytes, mono_ns: int) -> None:
        consumer.on_bytes(data, mono_ns)
        if b"!" in data:
            raise OSError("the disk is full, which is no fault of the port")

    port = SerialPort(str(device), on_bytes, consumer.on_caught_up, clock=SystemClock())
    with capture_logs() as logs:
        port.start()
        wait_for(port, "open")
        line.write(b"!")
        consumer.expect(b"!")
        line.write(b"again")
        consumer.expect(b"again")
        assert port.health().state == "open"
        port.stop()
    assert [entry["event"] for entry in logs] == ["reader.open", "reader.consumer_failed"]


def test_a_port_that_keeps_failing_is_retried_ever_less_often_until_a_good_frame() -> None:
    port = SerialPort("/dev/none", lambda *_: None, lambda _: None, clock=FakeClock())
    for _ in range(2):
        for delay_s in (*RETRY_S, RETRY_S[-1]):
            assert 0.8 * delay_s <= port._watch.retry_delay_s() <= delay_s
        port.good_frame()


def test_health_tells_what_is_known_and_never_that_the_reader_works(
    line: PtyLine, device: Path
) -> None:
    consumer = Consumer()
    port = SerialPort(str(device), consumer.on_bytes, consumer.on_caught_up, clock=SystemClock())
    assert port.health().state == "waiting"
    port.start()
    wait_for(port, "open")
    assert port.health().last_byte_mono_ns is None
    line.write(b"x")
    consumer.expect(b"x")
    health = port.health()
    assert health.opened_mono_ns is not None
    assert health.last_byte_mono_ns is not None
    assert health.opened_mono_ns <= health.last_byte_mono_ns
    port.stop()
    assert port.health().state == "waiting"


def test_stopping_is_quick_in_every_state(line: PtyLine, device: Path, tmp_path: Path) -> None:
    clock = SystemClock()
    for path in (device, tmp_path / "missing", tmp_path):
        port = SerialPort(str(path), lambda *_: None, lambda _: None, clock=clock)
        port.start()
        while port.health().turned_mono_ns is None and port.health().fault is None:
            threading.Event().wait(0.001)
        begin_ns = clock.mono_ns()
        port.stop()
        assert clock.mono_ns() - begin_ns < 0.5e9


def test_a_port_that_was_never_started_can_be_stopped() -> None:
    SerialPort("/dev/none", lambda *_: None, lambda _: None, clock=FakeClock()).stop()
