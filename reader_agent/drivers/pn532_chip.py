"""The commands of a PN532 that we use, as conversations without I/O.

Codes, parameters and status bytes: nfcpy 1.0.4 (nfc/clf/pn532.py, pn53x.py) and the captures in
tests/data/pn532.json, which quote NXP's UM0701-02.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.cards.conversation import Card
from reader_agent.drivers.pn532_frame import ACK, MOST_BYTES
from reader_agent.drivers.pn532_orders import (
    SILENT,
    ChipError,
    Command,
    Dialog,
    Line,
    Pause,
    Speed,
)

NORMAL_BAUD = 115200
LOST_BAUDS = (921600, 460800, 230400, 57600, 38400, 19200, 9600)
"""Where a program that was killed may have left the chip, the likeliest first. Its fastest rate,
1288000, is no rate of termios."""

WAKE = b"\x55\x55" + bytes(14)
"""A sleeping chip takes about 1 ms to hear; of several preambles seen to work, the longest."""
DRAIN_MS = 50
FIRST_ACK_MS = (100, 300, 1500)
"""Of each try to find the chip. On some Pis the first bytes from a ttyUSB come 1 s late."""
LOST_ACK_MS = 150
PATIENT_ACK_MS = 1000
"""For a command that is never sent twice: it is worth waiting for."""

FIRMWARE, SET_BAUD, SAM = 0x02, 0x10, 0x14
EXCHANGE, THRU, LIST, RELEASE, SELECT = 0x40, 0x42, 0x4A, 0x52, 0x54

MOST_TARGETS = 2
MORE = 0x40
MOST_SENT = MOST_BYTES - 3
"""What fits into one InDataExchange beside TFI, code and target."""
_STATUS = 0x3F
_ISO_DEP = 0x20
_R_NAK = 0xB2
_FINE = b"\x00"
_UID_BYTES = (4, 7, 10)


@dataclass(frozen=True, slots=True)
class Target:
    """A card and the number that the chip has given it."""

    number: int
    card: Card


@dataclass(frozen=True, slots=True)
class Listing:
    """The cards that one InListPassiveTarget found, at least 0 and at most two."""

    targets: tuple[Target, ...]
    mono_ns: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a card answered. `status` is 0 if it did; `data` is what it said."""

    status: int
    data: bytes


def find(*, may_try_rates: bool) -> Dialog[str]:
    """Wake the chip and make it ready; what it says of itself. Raises `ChipError`.

    An answer that belongs to a session before this one is cut short by our ACK and falls into the
    pause behind it. `may_try_rates` also looks for the chip at speeds where another program may
    have left it.
    """
    for ack_ms in FIRST_ACK_MS:
        chip = yield from _greet(ack_ms)
        if chip is not None:
            return chip
    if may_try_rates:
        for baud in LOST_BAUDS:
            yield Speed(baud)
            was_there = yield from _call_back()
            yield Speed(NORMAL_BAUD)
            chip = (yield from _greet(FIRST_ACK_MS[0])) if was_there else None
            if chip is not None:
                return chip
    raise ChipError(SILENT)


def firmware() -> Dialog[str]:
    """What the chip says of itself, such as `PN532 v1.6`."""
    answer = yield Command(bytes([FIRMWARE]))
    if len(answer.data) < 3:
        raise ChipError(SILENT)
    ic, version, revision = answer.data[:3]
    return f"PN5{ic:02X} v{version}.{revision}"


def configure() -> Dialog[None]:
    """Let a search for cards end after a few attempts, instead of never, which is how the chip
    starts; let it send RATS by itself, which another program may have switched off; and let cards
    forget where an earlier session has left them."""
    yield Command(bytes.fromhex("32 05 FF 01 02"))
    yield Command(bytes.fromhex("12 14"))
    yield from restart_field()


def list_cards() -> Dialog[Listing]:
    """The cards of type A in the field: anticollision, selection and RATS are done."""
    answer = yield Command(bytes([LIST, MOST_TARGETS, 0x00]), sends=3)
    return Listing(parse_targets(answer.data), answer.mono_ns, answer.frame)


def release() -> Dialog[None]:
    """Let go of all cards, which then can be found again."""
    yield Command(bytes([RELEASE, 0x00]))


def restart_field() -> Dialog[None]:
    """Take the power from all cards for a moment: they forget whatever state they were in."""
    yield Command(bytes.fromhex("32 01 00"))
    yield Command(bytes.fromhex("32 01 01"))


def select(number: int) -> Dialog[Listing | None]:
    """Make a card the one that `send_raw` talks to, which wakes it if another one was that until
    now. None if it does not answer, else an empty list with the time."""
    answer = yield Command(bytes([SELECT, number]))
    return Listing((), answer.mono_ns, answer.frame) if answer.data[:1] == _FINE else None


def ping(number: int) -> Dialog[Listing | None]:
    """Whether a card that speaks ISO 14443-4 is still there, without any change to it: it repeats
    its last block, or says that it has heard. The answer is as that of `select`."""
    if (yield from select(number)) is None:
        return None
    answer = yield Command(bytes([THRU, _R_NAK]))
    is_there = answer.data[:1] == _FINE and len(answer.data) > 1
    return Listing((), answer.mono_ns, answer.frame) if is_there else None


def exchange(number: int, data: bytes, wait_ms: int) -> Dialog[Outcome]:
    """InDataExchange: an APDU of any length, or a command of MIFARE. The answer is put together
    where the chip says that there is more of it."""
    while len(data) > MOST_SENT:
        outcome = yield from _exchange_once(number | MORE, data[:MOST_SENT], wait_ms)
        if outcome.status & _STATUS:
            return Outcome(outcome.status & _STATUS, b"")
        data = data[MOST_SENT:]
    outcome = yield from _exchange_once(number, data, wait_ms)
    said = outcome.data
    while outcome.status & MORE and not outcome.status & _STATUS:
        outcome = yield from _exchange_once(number, b"", wait_ms)
        said += outcome.data
    return Outcome(outcome.status & _STATUS, said)


def send_raw(data: bytes, wait_ms: int) -> Dialog[Outcome]:
    """InCommunicateThru: any command, to the card that was selected last; the chip adds and takes
    the CRC. Some commands of NTAG21x begin as MIFARE's do, and `exchange` spoils them."""
    answer = yield Command(bytes([THRU]) + data, wait_ms, PATIENT_ACK_MS, sends=1)
    return _outcome(answer.data)


def parse_targets(data: bytes) -> tuple[Target, ...]:
    """The answer to InListPassiveTarget at 106 kbps, type A, without its code.

    A count, and for each: number, SENS_RES (high byte first), SEL_RES, length and bytes of the
    UID, and the ATS of a card that speaks ISO 14443-4. What is cut off or makes no sense ends it.
    """
    targets: list[Target] = []
    rest = data[1:]
    for _ in range(data[0] if data else 0):
        uid, after = rest[5 : 5 + rest[4]] if len(rest) > 4 else b"", rest[5:]
        if len(uid) not in _UID_BYTES or len(uid) != rest[4]:
            break
        number, high, low, sak = rest[:4]
        rest = after[len(uid) :]
        ats = None
        if sak & _ISO_DEP and rest:
            ats = rest[: rest[0]]
            rest = rest[max(1, len(ats)) :]
        targets.append(Target(number, Card(uid, bytes([low, high]), sak, ats)))
    return tuple(targets)


def _greet(ack_ms: int) -> Dialog[str | None]:
    yield Line(ACK)
    yield Pause(DRAIN_MS)
    try:
        # After power-up this has to be the first command, or no other is heard.
        yield Command(bytes([SAM, 0x01]), ack_ms=ack_ms, sends=1, preamble=WAKE)
        return (yield from firmware())
    except ChipError:
        return None


def _call_back() -> Dialog[bool]:
    """Ask the chip at the speed that is set now to come back; whether it was there."""
    yield Line(ACK)
    yield Pause(DRAIN_MS)
    try:
        yield Command(bytes([FIRMWARE]), ack_ms=LOST_ACK_MS, sends=1, preamble=WAKE)
        yield Command(bytes([SET_BAUD, 0x04]))
    except ChipError:
        return False
    # The chip changes over once it has our ACK; the pause lets the last of it leave the wire.
    yield Line(ACK)
    yield Pause(DRAIN_MS)
    return True


def _exchange_once(number: int, data: bytes, wait_ms: int) -> Dialog[Outcome]:
    command = bytes([EXCHANGE, number]) + data
    answer = yield Command(command, wait_ms, PATIENT_ACK_MS, sends=1)
    return _outcome(answer.data)


def _outcome(data: bytes) -> Outcome:
    if not data:
        raise ChipError(SILENT)
    return Outcome(data[0], data[1:])
