"""What a conversation with a PN532 asks of the line below it, and what it lets be known.

Conversations are generators without I/O, as those with cards are: they yield an order and get
its answer, or `ChipError` is thrown in at the yield. `PN532Session` carries the orders out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from reader_agent.cards.conversation import Card

T = TypeVar("T")

ACK_MS = 250
"""A chip acknowledges within 0.2 ms; the rest is for USB adapters and a busy machine."""
ANSWER_MS = 500

SILENT = "chip_silent"
REFUSED = "chip_refused"


class ChipError(Exception):
    """The chip did not do what it was told. `code` is `chip_silent` (no answer, or none that is
    whole) or `chip_refused` (its error frame: it does not understand the command)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Command:
    """Send `data`, a code and its parameters, and wait for the answer.

    `preamble` goes out before the frame. `ack_ms` is the time for the chip's ACK, `wait_ms` that
    for its answer from then on. `sends` is how often the command may be sent: 1 where doing it
    twice is not the same as doing it once.
    """

    data: bytes
    wait_ms: int = ANSWER_MS
    ack_ms: int = ACK_MS
    sends: int = 2
    preamble: bytes = b""


@dataclass(frozen=True, slots=True)
class Line:
    """Send these bytes as they are; nothing is waited for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; what the chip says meanwhile is dropped."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Change the speed of our end of the line, after what was sent so far."""

    baud: int


@dataclass(frozen=True, slots=True)
class Found:
    """News: the chip answers; `chip` is what it says of itself, such as `PN532 v1.6`."""

    chip: str


@dataclass(frozen=True, slots=True)
class Lost:
    """News: the chip does not answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """News: a card lies there. `frame` names it, `text` is what the card said if it is new."""

    card: Card
    mono_ns: int
    frame: bytes
    text: str | None


@dataclass(frozen=True, slots=True)
class Looked:
    """News: every card that lay there at `mono_ns` has been told of."""

    mono_ns: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` follows the code of the answer; it is empty for all but commands. `mono_ns` is when
    it was read, or the time at which the order was carried out."""

    mono_ns: int
    data: bytes = b""
    frame: bytes = b""


News: TypeAlias = Found | Lost | Seen | Looked
Order: TypeAlias = Command | Line | Pause | Speed | News
Dialog: TypeAlias = Generator[Order, Answer, T]
