"""The status word that ends every answer of a card that speaks ISO/IEC 7816-4."""

from __future__ import annotations

from reader_agent.cards.conversation import BROKEN, REFUSED, CardError

ISO_OK = 0x9000
NATIVE_OK = 0x9100
NATIVE_MORE = 0x91AF
SIGNATURE_OK = 0x9190
"""How NTAG 424 DNA and DESFire end the answer to Read_Sig (AN12196 section 7.2)."""

INTEGRITY_ERROR = 0x911E
AUTHENTICATION_ERROR = 0x91AE

# Data sheet NT4H2421Gx: the tables "Return code description" of section 10.
_IN_WORDS = {
    0x911C: "illegal command",
    INTEGRITY_ERROR: "integrity error",
    0x9140: "no such key",
    0x917E: "wrong length",
    0x919D: "permission denied",
    0x919E: "value not allowed",
    0x91AD: "too many wrong keys: it makes one wait; leave it on the reader and try again",
    AUTHENTICATION_ERROR: "wrong key, or none proven",
    0x91BE: "behind the end of the file",
    0x91CA: "another command is not finished",
    0x91EE: "its memory failed",
    0x91F0: "no such file",
    0x6581: "its memory failed",
    0x6700: "wrong length",
    0x6982: "not allowed",
    0x6985: "not now",
    0x6A82: "no such file or application",
}


class StatusError(CardError):
    """The card said no: `card_refused`, with the `status` word it said."""

    def __init__(self, what: str, status: int) -> None:
        meaning = _IN_WORDS.get(status)
        words = f"{what}: the card answered {status:04X}"
        super().__init__(REFUSED, f"{words} ({meaning})" if meaning else words)
        self.status = status


def checked(answer: bytes, what: str, *good: int) -> bytes:
    """The answer without its status word, if that is one of `good`.

    Raises `StatusError`, or `CardError` `card_answer_broken` where there is no status word.
    `what` is what the card was asked, for people.
    """
    if len(answer) < 2:
        raise CardError(BROKEN, f"{what}: the card answered {len(answer)} bytes")
    status = int.from_bytes(answer[-2:])
    if status not in good:
        raise StatusError(what, status)
    return answer[:-2]
