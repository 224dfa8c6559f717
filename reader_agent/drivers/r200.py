"""UHF EPC Gen2 modules (R200, M100, YRM100, JRD-4035): bytes in, frames out, no I/O.

They speak at 115200 8N1. Every frame, in either direction, is

    HEADER TYPE COMMAND LENGTH(2) DATA CHECK END

LENGTH is that of DATA, high byte first; CHECK is the low byte of the sum of TYPE to DATA. Sellers
ship one chip with two pairs of HEADER and END: `BB`/`7E` (YRM100, M100) or `AA`/`DD` (the R200
manual V2.3.3, the board of playfultechnology/arduino-rfid-R200). TYPE is 00 for a command, 01 for
an answer, 02 for a notice that nobody asked for.

All four bytes of the pairs occur in the EPC of an ordinary tag. So a frame is judged by its
length, never by searching for its end. What begins like a frame and is none costs one byte, and
the search goes on behind it: a damaged frame costs only itself.

A tag is a notice 22 or 27: RSSI (signed, dBm), PC, EPC, CRC-16. The low byte of a sum is a weak
check; the CRC over PC and EPC is the tag's own, and a tag is believed only if that is right too.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum, auto

HEADER_BYTES = 5
AROUND_BYTES = HEADER_BYTES + 2
LONGEST_DATA = 512
LONGEST_FRAME = LONGEST_DATA + AROUND_BYTES
SILENCE_NS = 50_000_000
"""The longest frame lasts 45 ms on the wire, and pauses within one were never reported: after
this nobody is going to finish what was begun."""
AROUND_EPC = 5
"""RSSI, PC and CRC: what a notice of a tag holds beside the EPC."""
LONGEST_NOTICE = AROUND_EPC + 2 * 31
"""An EPC has 31 words at most."""
CENTI_DBM = 100


class Pair(StrEnum):
    """Which header and end a module uses, named after its header."""

    BB = "bb"
    AA = "aa"

    @property
    def header(self) -> int:
        """The first byte of every frame."""
        return 0xBB if self is Pair.BB else 0xAA

    @property
    def end(self) -> int:
        """The last byte of every frame."""
        return 0x7E if self is Pair.BB else 0xDD

    @property
    def other(self) -> Pair:
        """The pair that this is not."""
        return Pair.AA if self is Pair.BB else Pair.BB


class Kind(IntEnum):
    """TYPE: who speaks, and why."""

    COMMAND = 0x00
    ANSWER = 0x01
    NOTICE = 0x02


class Command(IntEnum):
    """The commands that are used here, of some forty."""

    INFO = 0x03
    SET_REGION = 0x07
    GET_REGION = 0x08
    POLL = 0x22
    POLL_MANY = 0x27
    STOP = 0x28
    SET_POWER = 0xB6
    GET_POWER = 0xB7
    ERROR = 0xFF
    """Only in answers; the first byte of DATA says what is wrong."""


class Region(IntEnum):
    """Bands by their number in commands 07 and 08, as the M100 firmware manual numbers them.

    Some public drivers number them otherwise. The manual's numbers fit its own examples.
    """

    CHINA_900 = 1
    US = 2
    EU = 3
    CHINA_800 = 4
    KOREA = 6


class Error(IntEnum):
    """First byte of DATA in an answer FF. Code 16 is followed by the tag's PC and EPC."""

    READ = 0x09
    WRITE = 0x10
    KILL = 0x12
    LOCK = 0x13
    INVENTORY = 0x15
    """No tag in this round, or one whose CRC was wrong."""
    ACCESS = 0x16
    COMMAND = 0x17
    FHSS = 0x20
    """All channels were busy."""


_MOST_DATA: dict[int, int] = {
    Command.INFO: 64,
    Command.SET_REGION: 8,
    Command.GET_REGION: 8,
    Command.POLL: LONGEST_NOTICE,
    Command.POLL_MANY: LONGEST_NOTICE,
    Command.STOP: 8,
    Command.SET_POWER: 8,
    Command.GET_POWER: 8,
    Command.ERROR: LONGEST_NOTICE,
}
"""Of commands and answers. Code 16 of an error is followed by an EPC."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame whose end and checksum are right."""

    pair: Pair
    kind: Kind
    command: int
    data: bytes
    raw: bytes

    @property
    def error(self) -> int | None:
        """The code of an answer FF."""
        if self.kind is Kind.ANSWER and self.command == Command.ERROR and self.data:
            return self.data[0]
        return None


@dataclass(frozen=True, slots=True)
class TagRead:
    """One answer of one tag. `rssi_dbm` is measured at the chip, antenna gain not counted."""

    tag: str
    rssi_dbm: int


class _NoFrame(Enum):
    """What a header may turn out to be instead of the first byte of a frame."""

    DAMAGED = auto()
    UNFINISHED = auto()


class R200Parser:
    """Finds frames in whatever chunks the bytes come; holds back at most 518 bytes, and only 73
    where it knows the command; never raises."""

    def __init__(self) -> None:
        self._pending = b""
        self._last_byte_ns = 0

    def feed(self, data: bytes, mono_ns: int) -> list[Frame]:
        """The frames that `data` completes, in order. `mono_ns` is when it was read.

        As with every reader a late chunk never cuts a frame in two; only `tick` knows that
        nothing is held back any more.
        """
        if data:
            self._last_byte_ns = mono_ns
        return self._search(self._pending + data)

    def tick(self, mono_ns: int) -> list[Frame]:
        """All bytes from before `mono_ns` have been fed: give up what stopped half-way.

        Returns the good frames behind it: a header in noise may claim more bytes than ever come.
        """
        found: list[Frame] = []
        if mono_ns - self._last_byte_ns >= SILENCE_NS:
            while self._pending:
                found += self._search(self._pending[1:])
        return found

    def forget(self) -> None:
        """Drop what is held back: the device was lost, and what comes next is from another."""
        self._pending = b""

    def _search(self, window: bytes) -> list[Frame]:
        found: list[Frame] = []
        at = _next_header(window, 0)
        while at < len(window):
            verdict = _judge(window[at : at + LONGEST_FRAME])
            if verdict is _NoFrame.UNFINISHED:
                break
            step = 1
            if isinstance(verdict, Frame):
                found.append(verdict)
                step = len(verdict.raw)
            at = _next_header(window, at + step)
        self._pending = window[at:]
        return found


def encode(pair: Pair, kind: Kind, command: int, data: bytes = b"") -> bytes:
    """The bytes of a frame. Raises `ValueError` for more data than a frame can hold."""
    if len(data) > LONGEST_DATA:
        raise ValueError(f"a frame holds {LONGEST_DATA} bytes, not {len(data)}")
    body = bytes([kind, command]) + len(data).to_bytes(2, "big") + data
    return bytes([pair.header]) + body + bytes([sum(body) & 0xFF, pair.end])


def tag_read(frame: Frame) -> TagRead | None:
    """The tag that a notice names; None for any other frame and for a tag that was misheard."""
    if frame.kind is not Kind.NOTICE or frame.command not in (Command.POLL, Command.POLL_MANY):
        return None
    rssi, pc_epc, crc = frame.data[:1], frame.data[1:-2], frame.data[-2:]
    words = pc_epc[0] >> 3 if pc_epc else 0
    if words == 0 or len(frame.data) != AROUND_EPC + 2 * words:
        return None
    if gen2_crc(pc_epc) != int.from_bytes(crc, "big"):
        return None
    return TagRead(f"epc:{pc_epc[2:].hex().upper()}", int.from_bytes(rssi, "big", signed=True))


def encode_tag(tag_id: str, rssi_dbm: int) -> bytes:
    """The data of the notice that a module sends for `epc:…`, a canonical tag id."""
    kind, _, digits = tag_id.partition(":")
    if kind != "epc":
        raise ValueError(f"a UHF reader reads epc tags, not {tag_id}")
    epc = bytes.fromhex(digits)
    pc_epc = (len(epc) // 2 << 11).to_bytes(2, "big") + epc
    rssi = rssi_dbm.to_bytes(1, "big", signed=True)
    return rssi + pc_epc + gen2_crc(pc_epc).to_bytes(2, "big")


def gen2_crc(data: bytes) -> int:
    """The CRC-16 of EPC Gen2: polynomial 1021, begun with FFFF, inverted."""
    return crc_hqx(data, 0xFFFF) ^ 0xFFFF


def _next_header(window: bytes, start: int) -> int:
    """Where the next frame may begin; the end of `window` if nowhere."""
    found = [at for pair in Pair if (at := window.find(pair.header, start)) >= 0]
    return min(found, default=len(window))


def _most_data(kind: Kind, command: int) -> int:
    """How long DATA can be. The less is believed, the sooner a damaged length is seen through:
    of a frame that was cut within its length, the next header would be part of it."""
    if kind is Kind.NOTICE:
        return LONGEST_NOTICE
    return _MOST_DATA.get(command, LONGEST_DATA)


def _judge(window: bytes) -> Frame | _NoFrame:
    """What the bytes are that begin at a header."""
    if window[1:2] > bytes([Kind.NOTICE]):
        return _NoFrame.DAMAGED
    if len(window) < HEADER_BYTES:
        return _NoFrame.UNFINISHED
    length = int.from_bytes(window[3:HEADER_BYTES], "big")
    if length > _most_data(Kind(window[1]), window[2]):
        return _NoFrame.DAMAGED
    raw = window[: length + AROUND_BYTES]
    if len(raw) < length + AROUND_BYTES:
        return _NoFrame.UNFINISHED
    pair = Pair.BB if raw[0] == Pair.BB.header else Pair.AA
    if raw[-1] != pair.end or raw[-2] != sum(raw[1:-2]) & 0xFF:
        return _NoFrame.DAMAGED
    return Frame(pair, Kind(raw[1]), raw[2], raw[HEADER_BYTES:-2], raw)
