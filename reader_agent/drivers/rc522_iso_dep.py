"""ISO/IEC 14443-4 over frames of 64 bytes, which is what the FIFO of an MFRC522 holds.

RATS with FSDI 5, blocks with their numbers, chaining both ways, R(NAK) and R(ACK) after a lost
block, waiting-time extensions, DESELECT. No CID and no NAD: there is one card at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reader_agent.cards.conversation import BROKEN, GONE, CardError
from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.drivers.rc522_chip import Received

RATS = bytes.fromhex("E050")
"""FSDI 5: frames of up to 64 bytes; CID 0."""
FSD = 64
ATS_S = 0.0155
"""The standard gives 4.8 ms; some cards are late after a weak start."""
MOST_LOST = 3
MOST_EXTENSIONS = 60
FWT_UNIT_S = 4096 / 13_560_000
LONGEST_FWT_S = FWT_UNIT_S * 2**14
FWT_SLACK_S = 0.004
_FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_DEFAULT_FWI = 4

_I_BLOCK, _CHAINING = 0x02, 0x10
_R_ACK, _R_NAK = 0xA2, 0xB2
_S_DESELECT, _S_WTX = 0xC2, 0xF2

Exchange = Callable[[bytes, float], Received | None]
"""(frame with its CRC, longest wait in seconds) -> what came back, None for silence."""


@dataclass(frozen=True, slots=True)
class AnswerToSelect:
    """What a card says of itself in its ATS: its longest frame, and how long it may think."""

    frame_bytes: int
    frame_wait_s: float
    start_wait_s: float

    @classmethod
    def read(cls, ats: bytes) -> AnswerToSelect:
        """Take an ATS with its length byte apart; what it does not say has its default."""
        size, wait, guard = _FRAME_SIZES[2], _DEFAULT_FWI, 0
        if len(ats) > 1:
            size = _FRAME_SIZES[min(ats[1] & 0x0F, len(_FRAME_SIZES) - 1)]
            at = 2 + bool(ats[1] & 0x10)
            if ats[1] & 0x20 and len(ats) > at:
                wait, guard = ats[at] >> 4, ats[at] & 0x0F
        wait = wait if wait < 15 else _DEFAULT_FWI
        start_s = FWT_UNIT_S * 2**guard if 0 < guard < 15 else 0.0
        return cls(size, FWT_UNIT_S * 2**wait, start_s)


def activate(exchange: Exchange) -> bytes | None:
    """Send RATS to the selected card: its ATS with the length byte, None where it has none."""
    answer = exchange(with_crc_a(RATS), ATS_S)
    if answer is None or answer.is_broken or answer.last_bits:
        return None
    ats = without_crc_a(answer.data)
    return ats if ats and ats[0] == len(ats) else None


class IsoDep:
    """The blocks between this reader and one card that has sent `ats`."""

    def __init__(self, exchange: Exchange, ats: bytes) -> None:
        self._exchange = exchange
        self._said = AnswerToSelect.read(ats)
        self._number = 0

    @property
    def start_wait_s(self) -> float:
        """How long the card wants to be left alone after its ATS."""
        return self._said.start_wait_s

    def transceive(self, apdu: bytes) -> bytes:
        """Send an APDU and return the response with its status word. Raises `CardError`."""
        size = min(FSD, self._said.frame_bytes) - 3  # block byte and CRC
        chunks = [apdu[at : at + size] for at in range(0, len(apdu), size)] or [b""]
        for chunk in chunks[:-1]:
            pcb = _I_BLOCK | _CHAINING | self._number
            self._deliver(bytes([pcb]) + chunk, _R_NAK, _R_ACK)
        answer = self._deliver(bytes([_I_BLOCK | self._number]) + chunks[-1], _R_NAK, _I_BLOCK)
        response = answer[1:]
        while answer[0] & _CHAINING:
            answer = self._deliver(bytes([_R_ACK | self._number]), _R_ACK, _I_BLOCK)
            response += answer[1:]
        return response

    def deselect(self) -> bool:
        """End it; the card is halted then. Whether it said so; it is not asked for long."""
        for _ in range(2):
            if self._frame(bytes([_S_DESELECT]), self._said.frame_wait_s) is not None:
                return True
        return False

    def _deliver(self, block: bytes, after_loss: int, wanted: int) -> bytes:
        """Send a block until its answer is there: an I-block, or the R(ACK) of a link in a chain.

        `after_loss` is what asks a card to say its last block again.
        """
        lost = extensions = 0
        sending, wait_s = block, self._said.frame_wait_s
        while lost <= MOST_LOST:
            answer = self._frame(sending, wait_s)
            wait_s = self._said.frame_wait_s
            if answer is None or not answer:
                lost += 1
                sending = bytes([after_loss | self._number])
            elif answer[0] & 0xF7 == _S_WTX and len(answer) == 2:
                extensions += 1
                if extensions > MOST_EXTENSIONS:
                    raise CardError(BROKEN, "it asks for more time for ever")
                sending = bytes([_S_WTX, answer[1] & 0x3F])
                wait_s = min(wait_s * max(answer[1] & 0x3F, 1), LONGEST_FWT_S)
            elif answer[0] & 0xFE == _R_ACK and answer[0] & 1 != self._number:
                # It never heard our block.
                lost += 1
                sending = block
            elif self._is_wanted(answer, wanted):
                self._number ^= 1
                return answer
            else:
                lost += 1
                sending = bytes([after_loss | self._number])
        raise CardError(GONE, "no answer to an APDU")

    def _is_wanted(self, answer: bytes, wanted: int) -> bool:
        kind = answer[0] & (0xFE if wanted == _R_ACK else 0xEE)
        return kind == wanted and answer[0] & 1 == self._number

    def _frame(self, block: bytes, wait_s: float) -> bytes | None:
        """One frame out and one back, without CRC; None for silence and for a broken one."""
        answer = self._exchange(with_crc_a(block), wait_s + FWT_SLACK_S)
        if answer is None or answer.is_broken or answer.last_bits:
            return None
        return without_crc_a(answer.data)
