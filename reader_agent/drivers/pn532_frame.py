"""The frames of a PN532 on its serial line: bytes in, frames out, no I/O.

    normal     00 00 FF  LEN LCS              TFI … DCS  00
    extended   00 00 FF  FF FF LENM LENL LCS  TFI … DCS  00
    ACK        00 00 FF  00 FF  00
    NACK       00 00 FF  FF 00  00
    error      00 00 FF  01 FF  7F 81  00

LEN counts TFI and data. LEN + LCS (in an extended frame LENM + LENL + LCS) and the sum of TFI,
data and DCS are 0 modulo 256. TFI is D4 from the host and D5 from the chip; the first byte after
it is the code of a command, or of its answer, which is one more. At most 265 bytes are counted
by LEN. Source: nfcpy 1.0.4 (nfc/clf/pn53x.py) and captures in tests/data/pn532.json.

Of the preamble only one 00 is asked for, and any number of bytes may stand before it: a host wakes
the chip with them. The postamble is not asked for at all: some drivers leave it out, and a frame
is complete at its DCS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

FROM_HOST = 0xD4
FROM_CHIP = 0xD5
MOST_BYTES = 265
"""TFI and data of the longest frame that the chip takes or sends."""
SILENCE_NS = 50_000_000
"""The longest frame lasts 24 ms on the wire and USB adapters hold bytes back for 16 ms: after 50
ms nobody is going to finish this one."""

ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
ERROR = bytes.fromhex("0000FF01FF7F8100")

_START = b"\x00\xff"
_HEADER_BYTES = 4
_ERROR_TFI = 0x7F


class Kind(StrEnum):
    """What a frame is."""

    DATA = "data"
    ACK = "ack"
    NACK = "nack"
    ERROR = "error"
    DAMAGED = "damaged"
    """Its header was good and its rest was not: somebody said something, and may be asked to say
    it again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame whose checksums are right, or what is left of one. `data` is what follows
    TFI: a code, and its parameters. `raw` begins at the start code 00 FF and ends with the DCS.
    Both are empty for a damaged one."""

    kind: Kind
    data: bytes
    raw: bytes


class _NoFrame(Enum):
    """What a start code may turn out to be instead of the begin of a frame."""

    NOISE = auto()
    DAMAGED = auto()
    UNFINISHED = auto()


class PN532Parser:
    """Finds the frames of one side in whatever chunks the bytes come; never raises.

    `tfi` names the side that is listened to. Held back are at most 273 bytes, the longest frame
    without its last byte.
    """

    def __init__(self, tfi: int) -> None:
        self._tfi = tfi
        self._pending = b""
        self._last_byte_ns = 0

    def feed(self, data: bytes, mono_ns: int) -> list[Frame]:
        """The frames that `data` completes, in order. `mono_ns` is when it was read.

        A late chunk never cuts a frame in two: only `tick` knows that nothing is held back.
        """
        if data:
            self._last_byte_ns = mono_ns
            self._pending += data
        return self._scan(is_over=False)

    def tick(self, mono_ns: int) -> list[Frame]:
        """All bytes from before `mono_ns` have been fed: give up a frame that stopped half-way.

        What looked like the begin of a long frame may have hidden whole ones: these are returned.
        """
        if not self._pending or mono_ns - self._last_byte_ns < SILENCE_NS:
            return []
        frames = self._scan(is_over=True)
        self._pending = b""
        return frames

    def _scan(self, *, is_over: bool) -> list[Frame]:
        window = self._pending
        frames: list[Frame] = []
        settled = 0
        while (at := window.find(_START, settled)) >= 0:
            found = self._judge(window[at : at + MOST_BYTES + 8])
            if found is _NoFrame.UNFINISHED and not is_over:
                self._pending = window[at:]
                return frames
            if isinstance(found, Frame):
                frames.append(found)
                settled = at + len(found.raw)
                continue
            # A header alone may be noise; with a good TFI behind it, it was a frame.
            is_cut = found is _NoFrame.UNFINISHED and len(window) - at > _HEADER_BYTES
            if is_cut or found is _NoFrame.DAMAGED:
                frames.append(Frame(Kind.DAMAGED, b"", b""))
            settled = at + 1
        # The last byte may be the first half of a start code.
        self._pending = b"\x00" if window[settled:].endswith(b"\x00") else b""
        return frames

    def _judge(self, window: bytes) -> Frame | _NoFrame:
        """What the bytes are that begin at a start code."""
        head = window[2:4]
        if len(head) < 2:
            return _NoFrame.UNFINISHED
        if head == b"\x00\xff":
            return Frame(Kind.ACK, b"", window[:4])
        if head == b"\xff\x00":
            return Frame(Kind.NACK, b"", window[:4])
        if head == b"\xff\xff":
            return self._judge_body(window, window[4:6], window[6:7], 7)
        return self._judge_body(window, head[:1], head[1:], 4)

    def _judge_body(
        self, window: bytes, length: bytes, check: bytes, begin: int
    ) -> Frame | _NoFrame:
        if not check:
            return _NoFrame.UNFINISHED
        count = int.from_bytes(length, "big")
        if (sum(length) + check[0]) & 0xFF or not 1 <= count <= MOST_BYTES:
            return _NoFrame.NOISE
        body = window[begin : begin + count + 1]
        if not body:
            return _NoFrame.UNFINISHED
        is_error = count == 1 and body[0] == _ERROR_TFI
        if not is_error and (count == 1 or body[0] != self._tfi):
            return _NoFrame.NOISE
        if len(body) <= count:
            return _NoFrame.UNFINISHED
        if sum(body) & 0xFF:
            return _NoFrame.DAMAGED
        kind = Kind.ERROR if is_error else Kind.DATA
        return Frame(kind, body[1:-1], window[: begin + count + 1])


def encode(tfi: int, data: bytes) -> bytes:
    """The frame of `data`, which begins with a code: a normal one, or an extended one where LEN
    would not fit into a byte. Raises `ValueError` for more than 264 bytes."""
    count = 1 + len(data)
    if not data or count > MOST_BYTES:
        raise ValueError(f"a frame carries 1 to {MOST_BYTES - 1} bytes, not {len(data)}")
    if count <= 0xFF:
        head = bytes([count, -count & 0xFF])
    else:
        length = count.to_bytes(2, "big")
        head = b"\xff\xff" + length + bytes([-sum(length) & 0xFF])
    return b"\x00" + _START + head + bytes([tfi]) + data + bytes([-(tfi + sum(data)) & 0xFF, 0])
