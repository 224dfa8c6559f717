"""What the antenna of an emulated MFRC522 reaches: tags, alone or together, and bad radio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reader_agent.emulators.tags.iso14443a import (
    REQA,
    SHORT_FRAME_BITS,
    WUPA,
    Answer,
    OnAir,
    RadioTag,
    State,
    collide,
)

_SELECT_CODES = (0x93, 0x95, 0x97)
_WHOLE_UID = 0x70
_PART_BITS = 40
_READ = 0x30
_WRITES = (0xA0, 0xA2)
_I_BLOCKS = (0x02, 0x03, 0x12, 0x13)


class Moment(StrEnum):
    """When a tag may leave the field."""

    AFTER_REQUEST = "after_request"
    AFTER_ANTICOLLISION = "after_anticollision"
    AFTER_SELECT = "after_select"
    MID_READ = "mid_read"
    """The READ was sent, and nothing comes back."""
    MID_WRITE = "mid_write"
    """Between the two frames of a Classic's WRITE; of a Type 2 tag, after its only one."""
    MID_APDU = "mid_apdu"
    """The APDU was sent, and nothing comes back."""


class CollisionCount(StrEnum):
    """What CollPos counts where the host already knows some bits of the UID.

    The data sheet says "in a received frame", miguelbalboa/rfid counts from the beginning of the
    UID; no published trace was found that settles it.
    """

    FRAME = "frame"
    LEVEL = "level"


@dataclass(frozen=True, slots=True)
class Echo:
    """What is received, the first bit lowest. `collision` is the first bit in which tags differ,
    counted from 0."""

    stream: int
    bits: int
    collision: int | None = None
    is_noisy: bool = False
    delay_ns: int = 0


class Air:
    """The tags in the field, and what is wrong with it.

    `weak_every`: only every so many requests are answered. `spoiled_bcc`, `spoiled_crc` and
    `noisy`: so many answers to come have a wrong XOR byte, a wrong CRC, a parity error.
    `delay_ns` is how much longer than a frame delay each answer takes.
    """

    def __init__(self) -> None:
        self.tags: list[RadioTag] = []
        self.known_bits = 0
        """Of the UID, in the anticollision frame that was sent last."""
        self.weak_every = 1
        self.spoiled_bcc = 0
        self.spoiled_crc = 0
        self.noisy = 0
        self.delay_ns = 0
        self._leaving: tuple[Moment, int] | None = None
        self._requests = 0
        self._secret: RadioTag | None = None

    def put(self, tag: RadioTag) -> None:
        """Lay a tag on the reader."""
        self.tags.append(tag)

    def remove_all(self) -> None:
        """Take every tag away; outside the field they forget where they were."""
        self.field_off()
        self.tags.clear()

    def field_off(self) -> None:
        """The field breaks down for a moment."""
        self._secret = None
        for tag in self.tags:
            tag.field_off()

    def leave_at(self, moment: Moment, count: int) -> None:
        """Every tag leaves the next time that `moment` comes, or the `count`-th time."""
        self._leaving = (moment, count)

    def exchange(self, frame: bytes, last_bits: int, *, enciphered: bool) -> Echo | None:
        """What comes back for a frame. `enciphered`: the chip has Crypto1 on."""
        is_request = last_bits == SHORT_FRAME_BITS and frame[0] in (REQA, WUPA)
        if is_request and self._is_too_weak():
            return None
        moment = _moment_of(frame, last_bits)
        if moment in (Moment.MID_READ, Moment.MID_APDU) and self._leaves(moment):
            return None
        self.known_bits = _known_bits(frame)
        answers = [self._hear(tag, frame, last_bits, enciphered=enciphered) for tag in self.tags]
        if self._secret is not None and self._secret.state is not State.ACTIVE:
            self._secret = None
        heard = collide(answers)
        if not heard.data:
            return None
        if moment is not None and moment not in (Moment.MID_READ, Moment.MID_APDU):
            self._leaves(moment)
        return self._through_the_air(heard)

    def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> bool:
        """MFAuthent with the selected tag."""
        self._secret = None
        for tag in self.tags:
            if tag.authenticate(command, block, key, uid):
                self._secret = tag
        return self._secret is not None

    def _is_too_weak(self) -> bool:
        self._requests += 1
        return self._requests % self.weak_every != 0

    def _hear(
        self, tag: RadioTag, frame: bytes, last_bits: int, *, enciphered: bool
    ) -> Answer | None:
        if enciphered == (self._secret is tag):
            return tag.exchange(frame, last_bits)
        # One side enciphers and the other does not: all that arrives is noise.
        tag.exchange(b"\x00")
        return None

    def _leaves(self, moment: Moment) -> bool:
        if self._leaving is None or self._leaving[0] is not moment:
            return False
        count = self._leaving[1] - 1
        self._leaving = (moment, count) if count > 0 else None
        if self._leaving is None:
            self.remove_all()
            return True
        return False

    def _through_the_air(self, heard: OnAir) -> Echo:
        stream = int.from_bytes(heard.data, "little")
        bits = len(heard.data) * 8 - (8 - heard.last_bits) % 8
        is_part = bits == _PART_BITS - self.known_bits and heard.collision_bit is None
        if is_part and self.spoiled_bcc:
            self.spoiled_bcc -= 1
            stream ^= 1 << bits - 1
        elif not is_part and bits >= 24 and self.spoiled_crc:
            self.spoiled_crc -= 1
            stream ^= 1 << bits - 1
        is_noisy = self.noisy > 0
        self.noisy -= is_noisy
        collision = None if heard.collision_bit is None else heard.collision_bit - 1
        return Echo(stream, bits, collision, is_noisy, self.delay_ns)


def _is_anticollision(frame: bytes) -> bool:
    return len(frame) >= 2 and frame[0] in _SELECT_CODES and frame[1] < _WHOLE_UID


def _known_bits(frame: bytes) -> int:
    if not _is_anticollision(frame):
        return 0
    return ((frame[1] >> 4) - 2) * 8 + (frame[1] & 0x07)


_IS_MOMENT: tuple[tuple[Moment, Callable[[bytes], bool]], ...] = (
    (Moment.AFTER_ANTICOLLISION, _is_anticollision),
    (Moment.AFTER_SELECT, lambda frame: frame[0] in _SELECT_CODES),
    (Moment.MID_READ, lambda frame: frame[0] == _READ and len(frame) == 4),
    (Moment.MID_WRITE, lambda frame: frame[0] in _WRITES and len(frame) in (4, 8)),
    (Moment.MID_APDU, lambda frame: frame[0] in _I_BLOCKS),
)


def _moment_of(frame: bytes, last_bits: int) -> Moment | None:
    if last_bits == SHORT_FRAME_BITS:
        return Moment.AFTER_REQUEST
    return next((moment for moment, fits in _IS_MOMENT if fits(frame)), None)
