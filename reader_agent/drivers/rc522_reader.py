"""An RC522: its device kept open by one thread, through missing drivers, lost buses and restarts.

Device names: `/dev/spidev0.0` on a Pi (or a link to it), and the socket of an emulator.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.cards.conversation import GONE, CardError, Errand
from reader_agent.clock import Clock
from reader_agent.drivers.port_watch import (
    NODE_POLL_S,
    PORT_LOST,
    PORT_MISSING,
    READER_SILENT,
    RETRY_S,
    PortWatch,
)
from reader_agent.drivers.rc522_chip import GAIN_BITS, GAIN_DB, Chip
from reader_agent.drivers.rc522_device import open_registers
from reader_agent.drivers.rc522_field import Field
from reader_agent.drivers.rc522_package import BCM_OF_PIN, RESET_PIN
from reader_agent.drivers.rc522_registers import HINT, OpenError, Registers
from reader_agent.drivers.rc522_session import Session
from reader_agent.drivers.reader import Listener, ReaderHealth
from reader_agent.drivers.reader_config import Options, ReaderConfig, wrong_option

POLL_MS = 125
"""Eight times a second: quick enough to feel at once, rare enough to cost an idle station nothing
that it would notice."""
SPEED_HZ = 1_000_000

log: FilteringBoundLogger = structlog.get_logger()


class RC522Reader:
    """A chip, its cards and a presence table, on one thread. It can run errands.

    Options: `name` (what its arrivals call it, `rc522` unless told), `poll_ms` (how often it asks
    for cards), `rst` (the header's pin of the reset line, 22 unless told), `speed_hz` (of SPI) and
    `gain_db` (of the receiver: 18, 23, 33, 38, 43 or 48).
    """

    def __init__(
        self,
        config: ReaderConfig,
        listener: Listener,
        clock: Clock,
        *,
        open_chip: Callable[[str, int, int], Registers] = open_registers,
        pause: Callable[[float], object] = time.sleep,
        retry_s: Sequence[float] = RETRY_S,
    ) -> None:
        options = Options(config.options)
        self._config = config
        self._clock = clock
        self._name = options.text("name", config.family)
        self._poll_s = options.positive("poll_ms", POLL_MS) / 1000
        self._reset_pin = options.positive("rst", RESET_PIN)
        self._speed_hz = options.positive("speed_hz", SPEED_HZ)
        gains = tuple(map(str, GAIN_BITS))
        self._gain_db = int(options.choice("gain_db", gains, str(GAIN_DB)))
        if self._reset_pin not in BCM_OF_PIN:
            pins = ", ".join(map(str, BCM_OF_PIN))
            raise wrong_option(f"rst={self._reset_pin}: write a free pin of the header: {pins}")
        options.refuse_others()
        self._open_chip = open_chip
        self._sleep = pause
        self._field = Field(self._name, listener, self._poll_s)
        self._watch = PortWatch(config.device, clock, HINT, retry_s)
        self._chip_name: str | None = None
        self._errands: deque[Errand] = deque()
        self._lock = threading.Lock()
        self._is_over = False
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"rc522 {config.device}", daemon=True
        )
        self._thread.start()

    def health(self) -> ReaderHealth:
        """The state under this reader's name. `last_byte_mono_ns` is when the chip was last found
        well, which it is asked every second."""
        config = self._config
        return ReaderHealth(
            self._name, config.family, config.device, self._watch.health, self._chip_name
        )

    def close(self) -> None:
        """Give the device back and end the thread."""
        with self._lock:
            self._is_over = True
        self._wake.set()
        # Bounded, because a callback that hangs must not keep the whole station from ending.
        self._thread.join(timeout=2.0)

    def run(self, errand: Errand) -> None:
        """Carry out `errand` on the reader's thread."""
        with self._lock:
            if not self._is_over:
                self._errands.append(errand)
                self._wake.set()
                return
        _refuse(errand)

    def _run(self) -> None:
        while not self._is_over:
            if not Path(self._config.device).exists():
                self._watch.failed(PORT_MISSING)
                self._pause(NODE_POLL_S)
                continue
            registers = self._open()
            if registers is not None:
                self._use(registers)
            self._pause(self._watch.retry_delay_s())
        self._refuse_errands()
        self._watch.ended()

    def _open(self) -> Registers | None:
        try:
            return self._open_chip(self._config.device, self._reset_pin, self._speed_hz)
        except OpenError as error:
            self._watch.failed(error.fault, detail=error.detail)
            return None

    def _use(self, registers: Registers) -> None:
        chip = Chip(registers, gain_db=self._gain_db, pause=self._sleep)
        session = Session(self._config.device, chip, self._field, self._clock, pause=self._sleep)
        try:
            self._watch.opened()
            while not self._is_over:
                self._turn(session, chip)
                self._wake.wait(self._poll_s)
                self._wake.clear()
        except OSError as error:
            self._watch.failed(PORT_LOST, detail=str(error))
        except Exception:
            # The edge of the capture loop: whatever it was, the reader must not stay away for good.
            log.exception("reader.failed", port=self._config.device)
            self._watch.failed(PORT_LOST)
        finally:
            self._chip_name = None
            with contextlib.suppress(OSError):
                registers.close()

    def _turn(self, session: Session, chip: Chip) -> None:
        session.turn()
        self._note(session, chip)
        while self._errands:
            errand = self._errands.popleft()
            if errand.done.set_running_or_notify_cancel():
                session.run(errand)

    def _note(self, session: Session, chip: Chip) -> None:
        """Put into the health what the turn has found out."""
        self._chip_name = chip.name if session.is_well else None
        if session.is_well:
            self._watch.good()
        self._watch.report(None if session.is_well else READER_SILENT)
        if session.heard_mono_ns is not None:
            self._watch.heard(session.heard_mono_ns)
        self._watch.turned(self._clock.mono_ns())

    def _pause(self, wait_s: float) -> None:
        """Wait without a chip, on which no card can be."""
        self._refuse_errands()
        if not self._is_over:
            self._wake.wait(wait_s)
            self._wake.clear()
        now_ns = self._clock.mono_ns()
        self._watch.turned(now_ns)
        self._field.caught_up(now_ns)

    def _refuse_errands(self) -> None:
        while self._errands:
            _refuse(self._errands.popleft())


def _refuse(errand: Errand) -> None:
    if errand.done.set_running_or_notify_cancel():
        errand.done.set_exception(CardError(GONE, "the reader is not there"))
