"""A conversation with a card, written without I/O: a generator that yields what to send.

    def read_page(page: int) -> Talk[bytes]:
        answer = yield bytes([0x30, page])
        return answer

What is yielded is a command without its CRC: an APDU where the card speaks ISO 14443-4, a bare
command where it does not (Type 2). What comes back is the answer without its CRC. A reader runs
it; where the card goes away or says no, `CardError` is thrown in at the yield.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Talk: TypeAlias = Generator[bytes, bytes, T]

GONE = "card_gone"
REFUSED = "card_refused"
BROKEN = "card_answer_broken"


class CardError(Exception):
    """The card did not do what it was asked. `code` says why.

    `card_gone`: it left the field or does not answer. `card_refused`: it said no (a NAK or a
    status word, which `detail` names). `card_answer_broken`: what it said makes no sense.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Card:
    """A selected card: its whole UID (4, 7 or 10 bytes), ATQA in wire order, final SAK, and the
    ATS (with its length byte) if it speaks ISO 14443-4."""

    uid: bytes
    atqa: bytes
    sak: int
    ats: bytes | None = None

    @property
    def tag(self) -> str:
        """The canonical tag id."""
        return f"nfca:{self.uid.hex().upper()}"

    @property
    def speaks_apdu(self) -> bool:
        """Whether commands to it are APDUs (SAK bit 6: ISO 14443-4)."""
        return bool(self.sak & 0x20)

    @property
    def is_type2(self) -> bool:
        """Whether it may be an Ultralight or NTAG21x: SAK 00."""
        return self.sak == 0x00


@dataclass(frozen=True, slots=True)
class Errand:
    """A conversation for the card `tag` that lies on a reader now, and where its end is told.

    `talk` is called on the reader's thread with the selected card. The future gets its value, or
    `CardError`; whoever waits for it gives the time that it may take.
    """

    tag: str
    talk: Callable[[Card], Talk[Any]]
    done: Future[Any]


def converse(talk: Talk[T], send: Callable[[bytes], bytes]) -> T:
    """Run a conversation over a blocking `send`, which raises `CardError`. Returns its result."""
    try:
        command = next(talk)
        while True:
            try:
                answer = send(command)
            except CardError as error:
                command = talk.throw(error)
            else:
                command = talk.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
