"""One serial port kept open by one thread, through unplugging, rivals and missing devices.

The port knows nothing of frames: it hands chunks of bytes to a callback on its own thread. What
pyserial 3.5 does when a device goes away was measured on Linux: `read` raises SerialException,
`in_waiting` a bare OSError, flushing raises termios.error (which is no OSError), and a port that
is closed under a read raises TypeError. All of them mean one thing here.
"""

from __future__ import annotations

import contextlib
import errno
import termios
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import serial
import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.clock import Clock
from reader_agent.drivers.port_watch import (
    NODE_POLL_S,
    PORT_BUSY,
    PORT_FAILED,
    PORT_FORBIDDEN,
    PORT_LOST,
    PORT_MISSING,
    READER_REFUSED,
    READER_SILENT,
    RETRY_S,
    PortHealth,
    PortWatch,
)

READ_S = 0.05
"""Short, so that `stop` needs no way into a blocked read and silence is noticed in time; not
shorter, because each turn costs an idle station a little of its processor."""
READ_NS = round(READ_S * 1_000_000_000)
WRITE_S = 1.0
"""A command is some dozen bytes: a line that does not take them in this time is broken."""

PORT_FAILURES = (OSError, termios.error, TypeError)

_FAULT_OF_ERRNO = {
    errno.ENOENT: PORT_MISSING,
    errno.ENODEV: PORT_MISSING,
    errno.ENXIO: PORT_MISSING,
    errno.EAGAIN: PORT_BUSY,
    errno.EBUSY: PORT_BUSY,
    errno.EACCES: PORT_FORBIDDEN,
    errno.EPERM: PORT_FORBIDDEN,
}
_HINT = {
    PORT_MISSING: "no such device yet; it is opened as soon as it appears",
    PORT_BUSY: "another process holds the port",
    PORT_FORBIDDEN: "no permission; the user must be in the group dialout",
    PORT_LOST: "the device went away; it is opened again as soon as it is back",
    PORT_FAILED: "this cannot be opened as a serial port",
    READER_REFUSED: "the module does not take the region or power that is configured; it "
    "does not transmit",
    READER_SILENT: "the port is open but the reader does not answer: check its wiring, power "
    "and mode switches",
}

log: FilteringBoundLogger = structlog.get_logger()
T = TypeVar("T")


class BytePort(Protocol):
    """The part of `serial.Serial` that is used here."""

    baudrate: int

    @property
    def in_waiting(self) -> int:
        """How many bytes can be read without waiting."""

    def read(self, size: int = 1, /) -> bytes:
        """Up to `size` bytes; fewer, or none, after the timeout."""

    def write(self, data: bytes, /) -> int | None:
        """Send; raises where the device does not take it in time."""

    def close(self) -> None:
        """Give the device back."""


def open_serial(device: str, baud: int) -> BytePort:
    """Open 8N1, and locked against a second process of ours (the lock is an advisory one)."""
    port: BytePort = serial.Serial(
        device, baud, timeout=READ_S, write_timeout=WRITE_S, exclusive=True
    )
    return port


class SerialPort:
    """Reads `device` from `start` to `stop`.

    `on_bytes(data, mono_ns)` gets each chunk with the time of its read. `on_caught_up(mono_ns)`
    follows at every turn, also when there was nothing: all bytes that came before `mono_ns` have
    been handed over, so whoever has heard nothing until then knows that it was silent. The time
    of a chunk cannot tell that, because this thread may have been late.

    `good_frame` is to be called when the bytes made sense; until then a port that keeps failing
    is retried ever less often, even if it can be opened.

    A reader that has to be asked gets `on_open()` after each opening and may call `write`,
    `set_baud` and `report` from its callbacks, and from nowhere else.
    """

    def __init__(
        self,
        device: str,
        on_bytes: Callable[[bytes, int], None],
        on_caught_up: Callable[[int], None],
        *,
        clock: Clock,
        on_open: Callable[[], None] = lambda: None,
        baud: int = 9600,
        retry_s: Sequence[float] = RETRY_S,
        open_port: Callable[[str, int], BytePort] = open_serial,
    ) -> None:
        self._device = device
        self._on_bytes = on_bytes
        self._on_caught_up = on_caught_up
        self._clock = clock
        self._on_open = on_open
        self._baud = baud
        self._open_port = open_port
        self._orders: list[bytes | int] = []
        self._watch = PortWatch(device, clock, _HINT, retry_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"port {device}", daemon=True)

    def start(self) -> None:
        """Begin to open and read, on the port's own thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and end its thread. Not to be called from a callback."""
        self._stop.set()
        if self._thread.ident is not None:
            # Bounded, because a callback that hangs must not keep the whole station from ending.
            self._thread.join(timeout=2.0)

    def health(self) -> PortHealth:
        """The state as of now; safe from any thread."""
        return self._watch.health

    def good_frame(self) -> None:
        """The bytes made sense: the next loss is retried quickly again."""
        self._watch.good()

    def write(self, data: bytes) -> None:
        """Send `data` once the running callback has returned."""
        self._orders.append(data)

    def set_baud(self, baud: int) -> None:
        """Change the speed after what was written so far, until the port is opened anew."""
        self._orders.append(baud)

    def report(self, fault: str | None) -> None:
        """On an open port: what is wrong with the reader behind it, None when it is well again."""
        self._watch.report(fault)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not Path(self._device).exists():
                self._watch.failed(PORT_MISSING)
                self._pause(NODE_POLL_S)
                continue
            port = self._attempt(lambda: self._open_port(self._device, self._baud))
            if port is not None:
                self._read_until_lost(port)
            self._pause(self._watch.retry_delay_s())
        self._watch.ended()

    def _read_until_lost(self, port: BytePort) -> None:
        self._watch.opened()
        self._orders.clear()
        self._deliver(self._on_open)
        try:
            while not self._stop.is_set():
                if self._attempt(lambda: self._carry_out(port)) is None:
                    return
                asked_ns = self._clock.mono_ns()  # before the queue is looked at
                data = self._attempt(lambda: port.read(port.in_waiting or 1))
                if data is None:
                    return
                self._turn(asked_ns, data)
        finally:
            with contextlib.suppress(*PORT_FAILURES):
                port.close()

    def _turn(self, asked_ns: int, data: bytes) -> None:
        if data:
            read_ns = self._clock.mono_ns()
            self._watch.heard(read_ns)
            self._deliver(lambda: self._on_bytes(data, read_ns))
            self._catch_up(asked_ns)
        else:
            # The read waited for all of its timeout, and it began after `asked_ns`.
            self._catch_up(asked_ns + READ_NS)

    def _carry_out(self, port: BytePort) -> bool:
        """What the callbacks have ordered, in their order."""
        orders, self._orders = self._orders, []
        for order in orders:
            if isinstance(order, int):
                port.baudrate = order
            else:
                port.write(order)
        return True

    def _attempt(self, action: Callable[[], T]) -> T | None:
        """The one net for everything that pyserial raises when a device fails."""
        try:
            return action()
        except PORT_FAILURES as error:
            fault = _FAULT_OF_ERRNO.get(_errno(error), PORT_FAILED)
            self._watch.failed(PORT_LOST if self._watch.is_open else fault, detail=str(error))
            return None

    def _deliver(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            # The edge of the capture loop: a fault above must not make the reader deaf for good.
            log.exception("reader.consumer_failed", port=self._device)

    def _pause(self, wait_s: float) -> None:
        """Wait without a port, from which nothing can come."""
        self._stop.wait(wait_s)
        self._catch_up(self._clock.mono_ns())

    def _catch_up(self, mono_ns: int) -> None:
        self._watch.turned(mono_ns)
        self._deliver(lambda: self._on_caught_up(mono_ns))


def _errno(error: BaseException) -> int:
    """The number of a failed call: termios.error has it only as its first argument."""
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    return number if isinstance(number, int) else 0
