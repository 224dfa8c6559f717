"""125 kHz EM4100 readers (RDM630, RDM6300, ID-20LA and clones): bytes in, frames out, no I/O.

The reader talks, unasked, at 9600 8N1. Every frame is STX, ten hex digits (a version byte and a
32-bit number), a checksum (the XOR of those five bytes), ETX. Three tails are met in the field:

| framing | bytes | tail after the ten digits    | seen on                        |
| ------- | ----- | ---------------------------- | ------------------------------ |
| `ascii` | 14    | two hex digits, 03           | RDM630, RDM6300                |
| `raw`   | 13    | one raw byte, 03             | a clone, esphome/issues#3610   |
| `crlf`  | 16    | two hex digits, 0D 0A, 03    | ID-20LA, esphome/esphome#13753 |

The ten digits say what each tail must be, so a frame is judged by comparing and not by searching
for its end: a raw checksum may itself be 02, 03 or 0D. The second byte of a `raw` tail is 03
where the others have a digit, and the third byte tells `ascii` from `crlf`; so no bytes are a
frame in two framings, and each frame is complete at its last byte.

A frame holds one 02, its first byte (only a raw checksum can be a second one, and 03 follows it
where a frame would have a digit). So whatever is damaged ends at the next frame's 02 at the
latest, and costs only itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import reduce
from operator import xor

STX = 0x02
ETX = b"\x03"
DIGITS = slice(1, 11)
LONGEST = 16
HEX = b"0123456789ABCDEFabcdef"
SILENCE_NS = 30_000_000
"""A whole frame lasts 14 to 17 ms on the wire: after 30 ms nobody is going to finish this one."""


class Framing(StrEnum):
    """How a reader ends its frames."""

    ASCII = "ascii"
    RAW = "raw"
    CRLF = "crlf"


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame whose checksum is right. That is no proof of a card: see `confirmation`."""

    tag: str
    framing: Framing
    raw: bytes


class _NoFrame(Enum):
    """What an STX may turn out to be instead of the first byte of a frame."""

    DAMAGED = auto()
    UNFINISHED = auto()


class EM125Parser:
    """Finds frames in whatever chunks the bytes come; holds back at most 15 bytes; never raises.

    `framing` is `auto` (all three are understood) or the one that this reader is known to use. To
    name it is safer: of 14-byte frames that lose a digit, one in 140 looks like a good `raw` one.
    """

    def __init__(self, framing: str = "auto") -> None:
        self._framings = tuple(Framing) if framing == "auto" else (Framing(framing),)
        self._pending = b""
        self._last_byte_ns = 0

    def feed(self, data: bytes, mono_ns: int) -> list[Frame]:
        """The frames that `data` completes, in order. `mono_ns` is when it was read.

        A late chunk never cuts a frame in two: the time is that of the read, not of the wire,
        and a USB adapter (16 ms latency timer) or a busy machine may hold good bytes back. Only
        `tick` knows that nothing is held back any more.
        """
        if data:
            self._last_byte_ns = mono_ns
        window = self._pending + data
        frames: list[Frame] = []
        at = window.find(STX)
        while at >= 0:
            found = _judge(window[at : at + LONGEST], self._framings)
            if found is _NoFrame.UNFINISHED:
                break
            step = 1
            if isinstance(found, Frame):
                frames.append(found)
                step = len(found.raw)
            at = window.find(STX, at + step)
        self._pending = window[at:] if at >= 0 else b""
        return frames

    def tick(self, mono_ns: int) -> None:
        """All bytes from before `mono_ns` have been fed: forget a frame that stopped half-way."""
        if mono_ns - self._last_byte_ns >= SILENCE_NS:
            self._pending = b""


def encode_em125(tag_id: str, framing: Framing) -> bytes:
    """The bytes that a reader with this framing sends for `em4100:…`, a canonical tag id."""
    kind, _, digits = tag_id.partition(":")
    if kind != "em4100":
        raise ValueError(f"a 125 kHz reader reads em4100 tags, not {tag_id}")
    return bytes([STX]) + digits.encode("ascii") + _tail(digits, framing)


def _judge(window: bytes, framings: Sequence[Framing]) -> Frame | _NoFrame:
    """What the bytes are that begin at an STX."""
    digits = window[DIGITS]
    if digits.strip(HEX):
        return _NoFrame.DAMAGED
    if len(digits) < 10:
        return _NoFrame.UNFINISHED
    number = digits.decode("ascii").upper()
    got = window[DIGITS.stop :]
    verdict = _NoFrame.DAMAGED
    for framing in framings:
        tail = _tail(number, framing)
        # No capture shows lower-case digits. They are understood because the checksum guards
        # either spelling, and a clone that sends them would otherwise seem to be dead.
        seen = got if framing is Framing.RAW else got.upper()
        if seen.startswith(tail):
            raw = window[: DIGITS.stop + len(tail)]
            return Frame(f"em4100:{number}", framing, raw)
        if tail.startswith(seen):
            verdict = _NoFrame.UNFINISHED
    return verdict


def _tail(digits: str, framing: Framing) -> bytes:
    """Checksum and end of the frame with these ten digits."""
    checksum = reduce(xor, bytes.fromhex(digits))
    if framing is Framing.RAW:
        return bytes([checksum]) + ETX
    end = b"\r\n" if framing is Framing.CRLF else b""
    return b"%02X" % checksum + end + ETX
