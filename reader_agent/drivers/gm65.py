"""The command channel of GM65, GM8xx and other GROW scanners, which shares the wire with the codes.

    to the scanner:   7E 00 KIND LENGTH ADDRESS(2) DATA CRC(2)     LENGTH is that of DATA
    from the scanner: 02 00 00 LENGTH DATA CRC(2)

The CRC is XMODEM's (polynomial 1021, begun with 0), high byte first: over KIND to DATA one way,
over `00 00 LENGTH DATA` the other. A command may carry `AB CD` instead, which the scanner does
not check. What it answers to a write is always `02 00 00 01 00 33 31`.

Sources: the GM65, GM812 and GM861 manuals as public drivers quote them, and arendst/Tasmota
xsns_107_gm861.ino. Scanners with other firmware end every one-byte answer with `33 31`
(Amperstrand/gm65-scanner); those are known by that.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

HEAD = b"\x7e\x00"
UNCHECKED = b"\xab\xcd"
AROUND_DATA = 8
ANSWER_HEAD = b"\x02\x00\x00"
ANSWER_AROUND_DATA = 6
LONGEST_ANSWER_DATA = 128
"""Somebody else's question for all settings is answered with 98 bytes."""
LONGEST_ANSWER = LONGEST_ANSWER_DATA + ANSWER_AROUND_DATA
ACK = bytes.fromhex("02000001003331")


class Kind(IntEnum):
    """What a command does to a setting."""

    READ = 0x07
    """DATA is one byte: how many bytes to read."""
    WRITE = 0x08
    SAVE = 0x09
    """Everything, into the flash of the scanner."""


class Zone(IntEnum):
    """Addresses of settings."""

    MODE = 0x0000
    """Two low bits: 00 the button, 01 the command `TRIGGER`, 10 continuous, 11 on movement."""
    TRIGGER = 0x0002
    BAUD = 0x002A
    """Two bytes, low byte first: 3,000,000 divided by the rate, rounded."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command, as the scanner understands it."""

    kind: Kind
    address: int
    data: bytes


class Unclear(Enum):
    """What a first byte may turn out to be instead of that of a frame."""

    DAMAGED = auto()
    UNFINISHED = auto()


ASK_BAUD = Order(Kind.READ, Zone.BAUD, b"\x02")
"""A question that changes nothing, for finding out whether the scanner is alive."""


def encode_order(order: Order, *, checked: bool = True) -> bytes:
    """The bytes that give an order; with `checked=False` the CRC that is not looked at."""
    head = bytes([order.kind, len(order.data)]) + order.address.to_bytes(2, "big")
    body = head + order.data
    return HEAD + body + (_crc(body) if checked else UNCHECKED)


def judge_order(window: bytes) -> tuple[Order, int] | Unclear:
    """The order that begins at the first byte of `window`, and its length; for emulators."""
    if not (window.startswith(HEAD) or HEAD.startswith(window)):
        return Unclear.DAMAGED
    if len(window) < 4 or len(window) < window[3] + AROUND_DATA:
        return Unclear.UNFINISHED
    raw = window[: window[3] + AROUND_DATA]
    body, crc = raw[2:-2], raw[-2:]
    if crc not in (_crc(body), UNCHECKED) or body[0] not in set(Kind):
        return Unclear.DAMAGED
    return Order(Kind(body[0]), int.from_bytes(body[2:4], "big"), body[4:]), len(raw)


def encode_answer(data: bytes) -> bytes:
    """What the scanner sends for a question that `data` answers."""
    body = b"\x00\x00" + bytes([len(data)]) + data
    return ANSWER_HEAD[:1] + body + _crc(body)


def judge_answer(window: bytes) -> bytes | Unclear:
    """The whole answer that begins at the first byte of `window`, if it is one."""
    if not (window.startswith(ANSWER_HEAD) or ANSWER_HEAD.startswith(window)):
        return Unclear.DAMAGED
    if len(window) < 4:
        return Unclear.UNFINISHED
    if not 1 <= window[3] <= LONGEST_ANSWER_DATA:
        return Unclear.DAMAGED
    raw = window[: window[3] + ANSWER_AROUND_DATA]
    if len(raw) < window[3] + ANSWER_AROUND_DATA:
        return Unclear.UNFINISHED
    is_fixed = len(raw) == len(ACK) and raw.endswith(ACK[-2:])
    return raw if is_fixed or raw[-2:] == _crc(raw[1:-2]) else Unclear.DAMAGED


def _crc(data: bytes) -> bytes:
    return crc_hqx(data, 0).to_bytes(2, "big")
