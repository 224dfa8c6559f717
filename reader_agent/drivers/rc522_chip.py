"""The MFRC522 itself: set up, one exchange with a card at a time, and whether it is well.

What its package does by asking 2,000 times in a row is done here by the chip's own timer: the
thread sleeps, looks, sleeps longer. Nothing here knows what the bytes mean.

Sources: data sheet MFRC522 as public drivers quote it; the faults that `is_well` looks for are
those of pimylifeup/MFRC522-python#18, miguelbalboa/rfid#540 and arendst/Tasmota#25052: after hours
the antenna bits are off, MFCrypto1On is stuck, or all registers are back at their reset values,
while the version still reads well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from reader_agent.drivers.rc522_map import (
    ALL_IRQS,
    ANTENNA,
    CARRIER_HZ,
    COLL_POS,
    COLL_POS_NOT_VALID,
    COLLISION,
    CRYPTO1_ON,
    FIFO_BYTES,
    FLUSH,
    LAST_BITS,
    OVERFLOW,
    PARITY_ERROR,
    POWER_DOWN,
    PROTOCOL_ERROR,
    RX_IRQ,
    START_SEND,
    TIMER_IRQ,
    Command,
    Reg,
)
from reader_agent.drivers.rc522_registers import Registers

T_MODE = 0x8D
"""The timer starts by itself after sending; upper bits of the prescaler. Also the tell-tale: a
chip that was reset behind our back has 00 here."""
T_PRESCALER = 0x3E
TICK_S = (2 * ((T_MODE & 0x0F) << 8 | T_PRESCALER) + 1) / CARRIER_HZ
"""0.5 ms."""
MOST_TICKS = 0xFFFF
FORCE_100_ASK = 0x40
CRC_PRESET_6363 = 0x3D
GAIN_BITS = {18: 0x00, 23: 0x10, 33: 0x40, 38: 0x50, 43: 0x60, 48: 0x70}
"""Bits of Reg.RF_CFG by the receiver's gain in decibels."""
GAIN_DB = 33
"""What the chip has after a reset."""
WAKE_S = 0.05
FIRST_LOOK_S = 0.0005
LAST_LOOK_S = 0.02
SLACK_S = 0.05
"""How much later than its timer a chip may be before it counts as hung."""
_READ_ERRORS = OVERFLOW | PARITY_ERROR | PROTOCOL_ERROR

_VERSIONS = {0x91: "v1.0", 0x92: "v2.0", 0x90: "v0.0", 0x88: "FM17522", 0xB2: "clone"}


class ChipHungError(Exception):
    """The chip neither answered nor let its timer ring."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came back. `last_bits` of the last byte are meant, 0 stands for all eight.

    `collision` is the position of the first bit in which two cards differed, counted from 1, or 0
    where the chip does not know it; the bits from there on are zeros. `is_broken`: a parity or
    protocol error, or more bytes than the FIFO holds.
    """

    data: bytes
    last_bits: int = 0
    collision: int | None = None
    is_broken: bool = False


class Chip:
    """An MFRC522 behind its registers, its receiver set to `gain_db`, one of `GAIN_BITS`.

    Everything here raises `OSError` when the bus fails.
    """

    def __init__(
        self,
        registers: Registers,
        *,
        gain_db: int = GAIN_DB,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._registers = registers
        self._gain = GAIN_BITS[gain_db]
        self._pause = pause
        self._ticks = -1
        self.version: int | None = None

    @property
    def name(self) -> str | None:
        """What it says it is; None before it was set up and well."""
        if self.version is None:
            return None
        return f"MFRC522 {_VERSIONS.get(self.version, 'unknown')} ({self.version:02X})"

    def set_up(self) -> bool:
        """Reset the chip and switch its field on; whether it is well afterwards."""
        self._ticks = -1
        write = self._registers.write
        write(Reg.COMMAND, Command.SOFT_RESET)
        if not self._wake():
            return False
        write(Reg.T_MODE, T_MODE)
        write(Reg.T_PRESCALER, T_PRESCALER)
        write(Reg.TX_ASK, FORCE_100_ASK)
        write(Reg.MODE, CRC_PRESET_6363)
        write(Reg.TX_MODE, 0)
        write(Reg.RX_MODE, 0)
        write(Reg.RF_CFG, self._gain | 0x08)
        write(Reg.COLL, 0)  # bits after a collision are to be read as zeros
        self.switch_field(on=True)
        self.version = self._plausible_version()
        return self.is_well()

    def pulse_reset(self) -> None:
        """Reset it by its pin, for when it does not listen to SPI any more."""
        self._registers.pulse_reset()

    def switch_field(self, *, on: bool) -> None:
        """Power for the cards. Off and on again makes all of them forget where they were."""
        before = self._registers.read(Reg.TX_CONTROL)
        after = before | ANTENNA if on else before & ~ANTENNA & 0xFF
        self._registers.write(Reg.TX_CONTROL, after)

    def is_well(self) -> bool:
        """Whether the chip is the one that was set up, with its settings and its field."""
        read = self._registers.read
        return (
            self.version is not None
            and self._plausible_version() == self.version
            and read(Reg.T_MODE) == T_MODE
            and read(Reg.TX_CONTROL) & ANTENNA == ANTENNA
            and not read(Reg.STATUS2) & CRYPTO1_ON
        )

    def exchange(
        self, data: bytes, timeout_s: float, *, last_bits: int = 0, align: int = 0
    ) -> Received | None:
        """Send, and wait for an answer for at most `timeout_s` after the last bit. None is silence.

        `last_bits` of the last byte are sent, 0 for all; the first bit of the answer is put at
        bit `align` of its first byte. Raises `ChipHungError`.
        """
        assert len(data) <= FIFO_BYTES
        ticks = min(max(round(timeout_s / TICK_S), 1), MOST_TICKS)
        self._start(data, ticks, align << 4 | last_bits)
        is_answered = self._wait(ticks * TICK_S)
        if not is_answered:
            # Else a late answer would end in the FIFO of the next exchange.
            self._registers.write(Reg.COMMAND, Command.IDLE)
            return None
        return self._received()

    def _start(self, data: bytes, ticks: int, framing: int) -> None:
        write = self._registers.write
        write(Reg.COMMAND, Command.IDLE)
        if ticks != self._ticks:
            write(Reg.T_RELOAD_H, (ticks - 1) >> 8)
            write(Reg.T_RELOAD_L, (ticks - 1) & 0xFF)
            self._ticks = ticks
        write(Reg.COM_IRQ, ALL_IRQS)
        write(Reg.FIFO_LEVEL, FLUSH)
        write(Reg.FIFO_DATA, *data)
        # Before the command: with the start bit of last time it would send at once, cut as before.
        write(Reg.BIT_FRAMING, framing)
        write(Reg.COMMAND, Command.TRANSCEIVE)
        write(Reg.BIT_FRAMING, framing | START_SEND)

    def _wait(self, timeout_s: float) -> bool:
        """Whether something was received before the chip's timer rang."""
        look_s = FIRST_LOOK_S
        waited_s = 0.0
        while waited_s < timeout_s + SLACK_S:
            self._pause(look_s)
            waited_s += look_s
            irqs = self._registers.read(Reg.COM_IRQ)
            if irqs & RX_IRQ:
                return True
            if irqs & TIMER_IRQ:
                return False
            look_s = min(look_s * 2, LAST_LOOK_S)
        raise ChipHungError

    def _received(self) -> Received:
        read = self._registers.read
        errors = read(Reg.ERROR)
        count = read(Reg.FIFO_LEVEL)
        last_bits = read(Reg.CONTROL) & LAST_BITS
        data = self._registers.read_many(Reg.FIFO_DATA, min(count, FIFO_BYTES)) if count else b""
        collision = None
        if errors & COLLISION:
            coll = read(Reg.COLL)
            collision = 0 if coll & COLL_POS_NOT_VALID else coll & COLL_POS or COLL_POS + 1
        return Received(data, last_bits, collision, bool(errors & _READ_ERRORS))

    def _wake(self) -> bool:
        """Wait for the oscillator after a reset."""
        waited_s = 0.0
        while self._registers.read(Reg.COMMAND) & POWER_DOWN:
            if waited_s >= WAKE_S:
                return False
            self._pause(FIRST_LOOK_S)
            waited_s += FIRST_LOOK_S
        return True

    def _plausible_version(self) -> int | None:
        """The version, if it reads the same three times and is not what a loose wire reads as."""
        versions = {self._registers.read(Reg.VERSION) for _ in range(3)}
        version = versions.pop()
        return None if versions or version in (0x00, 0xFF) else version
