"""What is said to a UHF module, and when: the handshake, the polling, the questions. No I/O.

    stop → who are you → region → power → poll → (30 s later) stop → …

One round of this is made after each opening, then every 30 s, and earlier when the module has
been silent or has nearly done the rounds it was told to do. So a module that was reset, swapped
or left polling by a killed process ends up as it should be, and one that is dead is noticed.

It is radio equipment: where a region or a power is wanted, nothing is transmitted until the module
itself has named both, read back. A setting that is right already is not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from reader_agent.drivers.port_watch import READER_REFUSED, READER_SILENT
from reader_agent.drivers.r200 import CENTI_DBM, Command, Error, Frame, Kind, Pair, Region, encode

ANSWER_NS = 300_000_000
TRIES = 3
GREETINGS = 4
"""The first question goes out with either pair, twice: a sleeping module loses what wakes it."""
PAUSE_NS = 1_000_000_000
"""Between two attempts to reach a module that does not answer."""
ROUND_NS = 30_000_000_000
QUIET_NS = 5_000_000_000
"""Modules that are polling report every round, tag or not. Some may not, so this is no fault."""
POLLS = 10_000
MOST_POLLS = 8_000
"""Each poll gives at least one frame, so with this many frames there are polls left."""
HARDWARE = b"\x00"
RESERVED = b"\x22"
LONGEST_NAME = 40
NOT_ANSWERS = (Error.INVENTORY, Error.FHSS)
"""What polling reports, and no answer to a question."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the configuration wants of the radio; None leaves it as the module has it."""

    region: Region | None = None
    power_dbm: int | None = None
    radio: bool = True
    """Whether it may transmit at all."""


@dataclass(frozen=True, slots=True)
class _Question:
    command: Command
    data: bytes = b""
    tries: int = TRIES


_Round = Generator[_Question, Frame | None, str | None]
"""Yields questions, gets answers or None for silence, and returns what is wrong or None."""


class R200Dialog:
    """One conversation with one module. `write` takes what is to be sent."""

    def __init__(self, wish: Wish, write: Callable[[bytes], None]) -> None:
        self._wish = wish
        self._write = write
        self._pair: Pair | None = None
        self._last_pair = Pair.BB
        self._round: _Round | None = None
        self._question: _Question | None = None
        self._tries_left = 0
        self._deadline_ns = 0
        self._heard_ns = 0
        self._frames = 0
        self.fault: str | None = None
        """What is wrong with the module, as far as is known."""
        self.chip: str | None = None
        """What it says of itself, with the region and power that it works with."""

    def begin(self, mono_ns: int) -> None:
        """The port is open: make a round, with no memory of what was said before."""
        self._pair = None
        self.fault = None
        self.chip = None
        self._start_round(mono_ns)

    def heard(self, frame: Frame, mono_ns: int) -> None:
        """Take a frame from the module."""
        if frame.kind is Kind.COMMAND:
            return
        self._pair = self._last_pair = frame.pair
        self._heard_ns = mono_ns
        self._frames += 1
        if self._question is None or not _answers(frame, self._question):
            return
        self._go_on(frame, mono_ns)

    def tick(self, mono_ns: int) -> None:
        """All frames from before `mono_ns` have been heard: ask again, or begin a round."""
        if self._question is not None:
            if mono_ns >= self._deadline_ns:
                self._ask_again(mono_ns)
        elif mono_ns >= self._deadline_ns or self._polling_needs_care(mono_ns):
            self._start_round(mono_ns)

    def end(self) -> None:
        """Whatever is going on: the module is to stop transmitting."""
        self._question = self._round = None
        self._send(Command.STOP)

    def _polling_needs_care(self, mono_ns: int) -> bool:
        if self.fault is not None or not self._wish.radio:
            return False
        return self._frames >= MOST_POLLS or mono_ns - self._heard_ns >= QUIET_NS

    def _start_round(self, mono_ns: int) -> None:
        self._round = self._questions()
        self._put(next(self._round), mono_ns)

    def _put(self, question: _Question, mono_ns: int) -> None:
        self._question = question
        self._tries_left = question.tries
        self._ask_again(mono_ns)

    def _ask_again(self, mono_ns: int) -> None:
        assert self._question is not None
        if self._tries_left == 0:
            self._go_on(None, mono_ns)
            return
        self._tries_left -= 1
        self._deadline_ns = mono_ns + ANSWER_NS
        self._send(self._question.command, self._question.data)

    def _go_on(self, answer: Frame | None, mono_ns: int) -> None:
        assert self._round is not None
        try:
            question = self._round.send(answer)
        except StopIteration as end:
            self._end_round(end.value, mono_ns)
        else:
            self._put(question, mono_ns)

    def _end_round(self, fault: str | None, mono_ns: int) -> None:
        self._round = self._question = None
        self.fault = fault
        self._heard_ns = mono_ns
        self._frames = 0
        if fault == READER_SILENT:
            self._pair = self.chip = None
            self._deadline_ns = mono_ns + PAUSE_NS
            return
        self._deadline_ns = mono_ns + ROUND_NS
        if fault is None and self._wish.radio:
            self._send(Command.POLL_MANY, RESERVED + POLLS.to_bytes(2, "big"))

    def _questions(self) -> _Round:
        """One round. Without a fault it may poll after it."""
        if (yield _Question(Command.STOP, tries=GREETINGS)) is None:
            return READER_SILENT
        name = _text((yield _Question(Command.INFO, HARDWARE)))
        wish = self._wish
        region, power_cdbm = yield from self._settings()
        if wish.region is not None and region != wish.region:
            yield _Question(Command.SET_REGION, bytes([wish.region]))
        if wish.power_dbm is not None and power_cdbm != wish.power_dbm * CENTI_DBM:
            power = (wish.power_dbm * CENTI_DBM).to_bytes(2, "big")
            yield _Question(Command.SET_POWER, power)
        if self._is_unlike(region, power_cdbm):
            region, power_cdbm = yield from self._settings()
        self.chip = _described(name, region, power_cdbm)
        return READER_REFUSED if self._is_unlike(region, power_cdbm) else None

    def _settings(self) -> Generator[_Question, Frame | None, tuple[int | None, int | None]]:
        region = _number((yield _Question(Command.GET_REGION)), 1)
        power_cdbm = _number((yield _Question(Command.GET_POWER)), 2)
        return region, power_cdbm

    def _is_unlike(self, region: int | None, power_cdbm: int | None) -> bool:
        wish = self._wish
        if wish.region is not None and region != wish.region:
            return True
        return wish.power_dbm is not None and power_cdbm != wish.power_dbm * CENTI_DBM

    def _send(self, command: Command, data: bytes = b"") -> None:
        pair = self._pair
        if pair is None:
            pair, self._last_pair = self._last_pair, self._last_pair.other
        self._write(encode(pair, Kind.COMMAND, command, data))


def _answers(frame: Frame, question: _Question) -> bool:
    if frame.kind is not Kind.ANSWER:
        return False
    if frame.error is not None:
        return frame.error not in NOT_ANSWERS
    return frame.command == question.command


def _text(answer: Frame | None) -> str:
    """The name in an answer to INFO: printable ASCII behind the number of what was asked."""
    if answer is None or answer.error is not None:
        return ""
    printable = bytes(byte for byte in answer.data[1:] if 0x20 <= byte < 0x7F)
    return printable.decode("ascii").strip()[:LONGEST_NAME]


def _number(answer: Frame | None, size: int) -> int | None:
    if answer is None or answer.error is not None or len(answer.data) != size:
        return None
    return int.from_bytes(answer.data, "big")


def _described(name: str, region: int | None, power_cdbm: int | None) -> str:
    parts = [name or "UHF module"]
    if region is not None:
        parts.append(f"region {_region_name(region)}")
    if power_cdbm is not None:
        parts.append(f"{power_cdbm / CENTI_DBM:g} dBm")
    return ", ".join(parts)


def _region_name(number: int) -> str:
    known = [region.name.lower() for region in Region if region == number]
    return known[0] if known else f"number {number}"
