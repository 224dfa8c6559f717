"""A card that speaks ISO/IEC 14443-4 without a chip between, on a line that loses frames."""

from __future__ import annotations

from collections.abc import Iterator

from reader_agent.cards.crc_a import with_crc_a
from reader_agent.drivers.rc522_chip import Received
from reader_agent.emulators.tags.iso14443a import RadioTag, State
from reader_agent.emulators.tags.model import Reply


class EchoCard:
    """Answers an APDU with `length` bytes that tell it, and remembers every one."""

    uid = bytes.fromhex("044B17125B6680")
    atqa = bytes.fromhex("4403")
    sak = 0x20

    def __init__(self, ats: bytes, length: int = 5) -> None:
        self.ats: bytes | None = ats
        self.length = length
        self.heard: list[bytes] = []

    def select(self) -> None: ...

    def field_off(self) -> None: ...

    def command(self, _data: bytes) -> Reply:
        return None

    def apdu(self, data: bytes) -> bytes:
        self.heard.append(data)
        return self.answer_to(data)

    def answer_to(self, data: bytes) -> bytes:
        """What it says to these bytes."""
        return bytes((sum(data) + place) % 256 for place in range(self.length)) + b"\x90\x00"

    def authenticate(self, _command: int, _block: int, _key: bytes) -> bool:
        return False


class LossyLine:
    """The radio between a selected card and the block layer. `fate` says of each exchange what
    becomes of it: `fine`, `lost` on the way there, `mute` or `bent` on the way back."""

    def __init__(self, card: EchoCard, fate: Iterator[str], waits: int = 0) -> None:
        self.waits_s: list[float] = []
        self.frames: list[bytes] = []
        self._fate = fate
        self._tag = RadioTag(card, waits=waits)
        self._tag.exchange(b"\x52", 7)
        for select in ("937088044B17D0", "9570125B6680AF"):
            self._tag.exchange(with_crc_a(bytes.fromhex(select)))
        assert self._tag.state is State.ACTIVE

    def exchange(self, frame: bytes, wait_s: float) -> Received | None:
        """One frame there and one back."""
        assert len(frame) <= 64
        self.frames.append(frame)
        self.waits_s.append(wait_s)
        fate = next(self._fate, "fine")
        if fate == "lost":
            return None
        answer = self._tag.exchange(frame)
        if answer is None or fate == "mute":
            return None
        data = answer.data
        if fate == "bent":
            data = bytes([data[0] ^ 0x01]) + data[1:]
        assert len(data) <= 64
        return Received(data, answer.last_bits)
