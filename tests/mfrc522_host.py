"""A driver's view of the emulated MFRC522: its registers over the bus, and time that passes."""

from __future__ import annotations

from reader_agent.clock import FakeClock
from reader_agent.drivers.rc522_map import Command, Reg
from reader_agent.emulators.mfrc522 import MFRC522
from reader_agent.emulators.mfrc522_rf import Air, CollisionCount
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.spec import make_tag

TX_IRQ, RX_IRQ, IDLE_IRQ, LO_ALERT_IRQ, ERR_IRQ, TIMER_IRQ = 0x40, 0x20, 0x10, 0x04, 0x02, 0x01
KEY = bytes.fromhex("FFFFFFFFFFFF")
UID = bytes.fromhex("3D99C723")


class Host:
    """The chip with these tags in its field."""

    def __init__(self, *tags: str, count: CollisionCount = CollisionCount.LEVEL) -> None:
        self.clock = FakeClock()
        self.air = Air()
        self.chip = MFRC522(self.air, self.clock.mono_ns, collision_count=count)
        for tag in tags:
            self.air.put(RadioTag(make_tag(tag)))
        self.clock.advance(0.001)

    def read(self, reg: int) -> int:
        return self.chip.transfer(bytes([reg << 1 | 0x80, 0]))[1]

    def read_fifo(self) -> bytes:
        count = self.read(Reg.FIFO_LEVEL)
        return self.chip.transfer(bytes([Reg.FIFO_DATA << 1 | 0x80] * count + [0]))[1:]

    def write(self, reg: int, *values: int) -> None:
        self.chip.transfer(bytes([reg << 1, *values]))

    def set_up(self, *, reload: int = 30) -> None:
        for reg, value in (
            (Reg.T_MODE, 0x8D),
            (Reg.T_PRESCALER, 0x3E),
            (Reg.T_RELOAD_L, reload),
            (Reg.MODE, 0x3D),
            (Reg.TX_CONTROL, 0x83),
            (Reg.COLL, 0x00),
        ):
            self.write(reg, value)

    def send(self, data: str, *, last_bits: int = 0, align: int = 0) -> None:
        self.write(Reg.COMMAND, Command.IDLE)
        self.write(Reg.COM_IRQ, 0x7F)
        self.write(Reg.FIFO_LEVEL, 0x80)
        self.write(Reg.FIFO_DATA, *bytes.fromhex(data))
        self.write(Reg.BIT_FRAMING, align << 4 | last_bits)
        self.write(Reg.COMMAND, Command.TRANSCEIVE)
        self.write(Reg.BIT_FRAMING, 0x80 | align << 4 | last_bits)

    def exchange(self, data: str, *, last_bits: int = 0, align: int = 0) -> bytes:
        self.send(data, last_bits=last_bits, align=align)
        self.clock.advance(0.01)
        return self.read_fifo()

    def select(self) -> None:
        assert self.exchange("26", last_bits=7) == b"\x04\x00"
        assert self.exchange("9320") == bytes.fromhex("3D99C72340")
        assert self.exchange("93703D99C7234055AB")[0] == 0x08

    def authenticate(self, key: bytes = KEY) -> None:
        self.write(Reg.COMMAND, Command.IDLE)
        self.write(Reg.COM_IRQ, 0x7F)
        self.write(Reg.FIFO_DATA, 0x60, 4, *key, *UID)
        self.write(Reg.COMMAND, Command.MF_AUTHENT)
        self.clock.advance(0.02)
