"""A tag in the field, bit by bit: ISO/IEC 14443-3 type A, and 14443-4 where the tag speaks it.

Frames are what goes over the air: bytes with their CRC_A, the lowest bit first, and how many bits
of the last byte count (0: all 8). What the tag does not understand it answers with silence and
goes back to IDLE, or to HALT if it came from there; a tag that was sent a second REQA does the
same, so a reader that only sends REQA sees it every second time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.emulators.tags.block_protocol import BlockProtocol, frame_size
from reader_agent.emulators.tags.model import ACK, Nibble, TagModel

REQA, WUPA = 0x26, 0x52
SHORT_FRAME_BITS = 7
CASCADE_TAG = 0x88

_SELECT_CODES = (0x93, 0x95, 0x97)
_WHOLE_UID = 0x70
_LEVEL_BITS = 40
_HALT = b"\x50\x00"
_RATS, _PPS = 0xE0, 0xD0
_UID_INCOMPLETE = 0x04
_SPEAKS_APDU = 0x20


class State(enum.Enum):
    """Where a tag stands; the starred states of the standard are these, come from HALT."""

    IDLE = "idle"
    READY = "ready"
    ACTIVE = "active"
    PROTOCOL = "protocol"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tag sends. Its first bit is the lowest of the first byte, also where it answers an
    anticollision frame that ended within a byte: the reader moves it by its RxAlign."""

    data: bytes
    last_bits: int = 0

    @property
    def bit_count(self) -> int:
        """How many bits there are."""
        return 8 * len(self.data) - (8 - self.last_bits if self.last_bits else 0)

    def aligned(self, rx_align: int) -> Answer:
        """As a reader stores it that puts the first bit at bit `rx_align` of its first byte."""
        return _answer_of(
            int.from_bytes(self.data, "little") << rx_align, rx_align + self.bit_count
        )


class OnAir(NamedTuple):
    """What a reader hears of all tags together. `collision_bit` is the first bit in which they
    differ, counted from 1 at the first bit received; None where they agree."""

    data: bytes
    last_bits: int
    collision_bit: int | None


def collide(answers: Iterable[Answer | None]) -> OnAir:
    """Several tags answering at once; no bytes at all where every one is silent.

    A bit is one if any tag sends one, which is how a reader takes a bit that is modulated in both
    its halves. An answer that ends early does not collide with the rest of a longer one.
    """
    heard = [answer for answer in answers if answer is not None]
    value = count = differing = 0
    for answer in heard:
        bits = int.from_bytes(answer.data, "little")
        both = (1 << min(count, answer.bit_count)) - 1
        differing |= (value ^ bits) & both
        value |= bits
        count = max(count, answer.bit_count)
    together = _answer_of(value, count)
    first = (differing & -differing).bit_length() or None
    return OnAir(together.data, together.last_bits, first)


def _answer_of(value: int, bit_count: int) -> Answer:
    return Answer(value.to_bytes((bit_count + 7) // 8, "little"), bit_count % 8)


class RadioTag:
    """One tag in the field of a reader. `waits` is how often it asks for more time (S(WTX))
    before each answer to an APDU."""

    def __init__(self, model: TagModel, *, waits: int = 0) -> None:
        self.model = model
        self.waits = waits
        self._state = State.IDLE
        self._came_from_halt = False
        self._level = 0
        self._levels = _cascade(model.uid)
        self._blocks: BlockProtocol | None = None
        self._may_take_pps = False

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    def field_off(self) -> None:
        """The field went away; in the next one it begins at IDLE, also if it was halted."""
        self._state = State.IDLE
        self._came_from_halt = False
        self.model.field_off()
        self._levels = _cascade(self.model.uid)

    def exchange(self, frame: bytes, last_bits: int = 0) -> Answer | None:
        """What it answers to a frame; None is silence."""
        if not frame:
            return None
        if len(frame) == 1 and last_bits == SHORT_FRAME_BITS:
            return self._wake(frame[0] & 0x7F)
        match self._state:
            case State.READY:
                return self._anticollision(frame, last_bits)
            case State.ACTIVE:
                return self._active(frame if last_bits == 0 else b"")
            case State.PROTOCOL:
                return self._protocol(frame if last_bits == 0 else b"")
        return None

    def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> bool:
        """What comes of an MFAuthent: whether the key opens the sector of `block`. `uid` is the
        four bytes that the reader says; of a longer UID the last four count (AN10927). A tag
        that was given a wrong key is silent and no longer selected."""
        if self._state is not State.ACTIVE:
            return False
        if uid == self.model.uid[-4:] and self.model.authenticate(command, block, key):
            return True
        self._fall_back()
        return False

    def _wake(self, command: int) -> Answer | None:
        if self._state is State.PROTOCOL:
            return None
        can_wake = self._state is State.IDLE or (self._state is State.HALT and command == WUPA)
        if command not in (REQA, WUPA) or not can_wake:
            self._fall_back()
            return None
        self._came_from_halt = self._state is State.HALT
        self._state = State.READY
        self._level = 0
        return Answer(self.model.atqa)

    def _fall_back(self) -> None:
        if self._state in (State.READY, State.ACTIVE):
            self._state = State.HALT if self._came_from_halt else State.IDLE

    def _anticollision(self, frame: bytes, last_bits: int) -> Answer | None:
        answer = None
        if len(frame) >= 2 and frame[0] == _SELECT_CODES[self._level]:
            if frame[1] == _WHOLE_UID:
                answer = self._select(frame if last_bits == 0 else b"")
            else:
                answer = self._complete(frame, last_bits)
        if answer is None:
            self._fall_back()
        return answer

    def _complete(self, frame: bytes, last_bits: int) -> Answer | None:
        """The bits of this level that the reader does not know yet, if it knows the others."""
        whole, extra = frame[1] >> 4, frame[1] & 0x0F
        sent_bits = 8 * len(frame) - (8 - last_bits if last_bits else 0)
        known_bits = sent_bits - 16
        if extra > 7 or 8 * whole + extra != sent_bits or not 0 <= known_bits < _LEVEL_BITS:
            return None
        value = int.from_bytes(self._levels[self._level], "little")
        known = int.from_bytes(frame[2:], "little")
        if (value ^ known) & ((1 << known_bits) - 1):
            return None
        return _answer_of(value >> known_bits, _LEVEL_BITS - known_bits)

    def _select(self, frame: bytes) -> Answer | None:
        said = without_crc_a(frame)
        if said is None or said[2:] != self._levels[self._level]:
            return None
        self._level += 1
        if self._level < len(self._levels):
            sak = _UID_INCOMPLETE | self.model.sak & _SPEAKS_APDU
        else:
            sak = self.model.sak
            self._state = State.ACTIVE
            self.model.select()
        return Answer(with_crc_a(bytes([sak])))

    def _active(self, frame: bytes) -> Answer | None:
        command = without_crc_a(frame)
        if command is None:
            self._fall_back()
            return None
        if command == _HALT:
            self._state = State.HALT
            return None
        if self.model.ats is not None and command[0] == _RATS and len(command) == 2:
            return self._activate(command[1], self.model.ats)
        reply = self.model.command(command)
        if isinstance(reply, Nibble):
            if reply != ACK:
                self._fall_back()
            return Answer(bytes([reply.value]), 4)
        if reply is None:
            self._fall_back()
            return None
        return Answer(with_crc_a(reply))

    def _activate(self, parameter: int, ats: bytes) -> Answer | None:
        cid = parameter & 0x0F
        if cid == 0x0F:
            self._fall_back()
            return None
        self._blocks = BlockProtocol(
            self.model.apdu,
            to_reader=frame_size(parameter >> 4),
            to_card=_frame_size_of(ats),
            cid=cid,
            knows_cid=_knows_cid(ats),
            waits=self.waits,
        )
        self._state = State.PROTOCOL
        self._may_take_pps = True
        return Answer(with_crc_a(ats))

    def _protocol(self, frame: bytes) -> Answer | None:
        block = without_crc_a(frame)
        if block is None:
            return None
        if self._may_take_pps:
            self._may_take_pps = False
            if block[0] & 0xF0 == _PPS:
                is_106_kbd = block[1:] in (b"\x01", b"\x11\x00")
                return Answer(with_crc_a(block[:1])) if is_106_kbd else None
        assert self._blocks is not None
        reply = self._blocks.receive(block)
        if self._blocks.is_over:
            self._state = State.HALT
        return None if reply is None else Answer(with_crc_a(reply))


def _cascade(uid: bytes) -> list[bytes]:
    """The five bytes of each level: four of the UID or the cascade tag, and their XOR."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes([CASCADE_TAG]) + uid[:3])
        uid = uid[3:]
    parts.append(uid)
    return [part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]]) for part in parts]


def _frame_size_of(ats: bytes) -> int:
    """FSC: what the low half of T0 says; 32 bytes where there is no T0."""
    return frame_size(ats[1] & 0x0F) if len(ats) > 1 else 32


def _knows_cid(ats: bytes) -> bool:
    """Whether TC, the last of the interface bytes, is there and says so; it is assumed if not."""
    if len(ats) < 2 or not ats[1] & 0x40:
        return True
    at = 2 + bool(ats[1] & 0x10) + bool(ats[1] & 0x20)
    return bool(ats[at] & 0x02)
