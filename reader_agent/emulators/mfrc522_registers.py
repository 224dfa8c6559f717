"""The registers and the FIFO of an emulated MFRC522: what is stored, and what a write does to it.

Reset values: the register file of gobot and the comments of miguelbalboa/rfid, the rest from the
data sheet. What a chip does with its commands is in `mfrc522`.
"""

from __future__ import annotations

from reader_agent.drivers.rc522_map import (
    ERR_IRQ,
    FIFO_BYTES,
    LO_ALERT_IRQ,
    OVERFLOW,
    SET1,
    Reg,
)

VERSION_2_0 = 0x92

_RESET = {
    Reg.COMMAND: 0x20,
    Reg.COM_I_EN: 0x80,
    Reg.COM_IRQ: 0x14,
    Reg.WATER_LEVEL: 0x08,
    Reg.CONTROL: 0x10,
    Reg.COLL: 0xA0,
    Reg.MODE: 0x3F,
    Reg.TX_CONTROL: 0x80,
    Reg.CRC_RESULT_H: 0xFF,
    Reg.CRC_RESULT_L: 0xFF,
    Reg.MOD_WIDTH: 0x26,
    Reg.RF_CFG: 0x48,
}

_HI_ALERT_IRQ = 0x08
_HI_ALERT, _LO_ALERT = 0x02, 0x01  # Status1
_IRQ = 0x10  # Status1

WRITABLE = {
    Reg.ERROR: 0x00,
    Reg.STATUS1: 0x00,
    Reg.CONTROL: 0x00,
    Reg.COLL: 0x80,
    Reg.BIT_FRAMING: 0x7F,
    Reg.CRC_RESULT_H: 0x00,
    Reg.CRC_RESULT_L: 0x00,
    Reg.T_COUNTER_H: 0x00,
    Reg.T_COUNTER_L: 0x00,
    Reg.VERSION: 0x00,
}
"""Bits that a write stores, of the registers where it does not store all of them."""


class RegisterFile:
    """64 registers and 64 bytes of FIFO."""

    def __init__(self, version: int = VERSION_2_0) -> None:
        self._values = bytearray(64)
        self._fifo = bytearray()
        self._alerts = 0
        self.version = version
        self.reset()

    def reset(self) -> None:
        """Every register to its value after power-on; the FIFO empty."""
        self._values[:] = bytes(64)
        for reg, value in _RESET.items():
            self._values[reg] = value
        self._values[Reg.VERSION] = self.version
        self._fifo.clear()
        self._alerts = _LO_ALERT

    def __getitem__(self, reg: int) -> int:
        return self._values[reg]

    def __setitem__(self, reg: int, value: int) -> None:
        self._values[reg] = value

    def store(self, reg: int, value: int) -> None:
        """A plain write by the host: bits that are not the host's keep their value."""
        mask = WRITABLE.get(Reg(reg), 0xFF) if reg in _NAMED else 0xFF
        self._values[reg] = (self._values[reg] & ~mask & 0xFF) | (value & mask)

    def mark(self, reg: int, value: int) -> None:
        """A write to an interrupt register: bit 7 says whether the marked bits are set or
        cleared."""
        bits = value & 0x7F
        if value & SET1:
            self._values[reg] |= bits
        else:
            self._values[reg] &= ~bits & 0xFF

    def raise_irqs(self, bits: int) -> None:
        """Something happened: set bits of the ComIrq register."""
        self._values[Reg.COM_IRQ] |= bits

    def flag(self, errors: int) -> None:
        """An error bit and the interrupt that goes with it."""
        if errors:
            self._values[Reg.ERROR] |= errors
            self.raise_irqs(ERR_IRQ)

    def alerts(self) -> int:
        """Bits 1 and 0 of Status1: how full the FIFO is, against the water level; and bit 4, a
        flag that is also enabled."""
        is_irq = self._values[Reg.COM_IRQ] & self._values[Reg.COM_I_EN] & 0x7F
        return self._alerts | (_IRQ if is_irq else 0)

    @property
    def level(self) -> int:
        """How many bytes are in the FIFO."""
        return len(self._fifo)

    def push(self, byte: int) -> None:
        """One byte more, or an overflow."""
        if len(self._fifo) >= FIFO_BYTES:
            self.flag(OVERFLOW)
            return
        self._fifo.append(byte)
        self._watch_level()

    def pop(self) -> int:
        """The oldest byte; 00 where there is none."""
        if not self._fifo:
            return 0
        byte = self._fifo.pop(0)
        self._watch_level()
        return byte

    def take_all(self) -> bytes:
        """Everything, as a command takes it."""
        data = bytes(self._fifo)
        self.flush()
        return data

    def flush(self) -> None:
        """Forget what is in the FIFO, and that it overflowed."""
        self._fifo.clear()
        self._values[Reg.ERROR] &= ~OVERFLOW & 0xFF
        self._watch_level()

    def _watch_level(self) -> None:
        water = self._values[Reg.WATER_LEVEL] & 0x3F
        is_high = FIFO_BYTES - len(self._fifo) <= water
        is_low = len(self._fifo) <= water
        before = self._alerts
        self._alerts = (_HI_ALERT if is_high else 0) | (_LO_ALERT if is_low else 0)
        # The flags remember that a level was reached; being there says nothing new.
        risen = self._alerts & ~before
        if risen & _HI_ALERT:
            self.raise_irqs(_HI_ALERT_IRQ)
        if risen & _LO_ALERT:
            self.raise_irqs(LO_ALERT_IRQ)


_NAMED = frozenset(int(reg) for reg in Reg)
