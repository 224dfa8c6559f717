"""The card's side of the half-duplex block protocol of ISO/IEC 14443-4, without CRC and radio.

Rule numbers are those of section 7.5.5 of the standard, which nfcpy (src/nfc/dep, tests of
tag_tt4) and the proxmark3 sources follow too.
"""

from __future__ import annotations

from collections.abc import Callable

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""Bytes of a whole frame, CRC included, by the code FSDI or FSCI; codes above 8 mean 256."""

_CRC_BYTES = 2
_CHAINING, _CID_FOLLOWS, _NAD_FOLLOWS = 0x10, 0x08, 0x04
_NAK = 0x10
_I, _R_ACK, _S_DESELECT, _S_WTX = 0x02, 0xA2, 0xC2, 0xF2


def frame_size(code: int) -> int:
    """What FSDI or FSCI `code` means, in bytes."""
    return FRAME_SIZES[min(code, len(FRAME_SIZES) - 1)]


class BlockProtocol:
    """One activation, from RATS to DESELECT.

    `apdu` answers a whole command. `to_reader` is the most bytes a frame to the reader may have
    (FSD), `to_card` the most it takes itself (FSC). `waits` is how often it asks for more time,
    by S(WTX), before each answer.
    """

    def __init__(
        self,
        apdu: Callable[[bytes], bytes],
        *,
        to_reader: int,
        to_card: int,
        cid: int = 0,
        knows_cid: bool = True,
        waits: int = 0,
    ) -> None:
        self._apdu = apdu
        self._to_reader = to_reader
        self._to_card = to_card
        self._cid = cid
        self._knows_cid = knows_cid
        self._waits = waits
        self._waits_left = 0
        self._prologue = 1
        self._number = 1  # rule C
        self._last: bytes | None = None
        self._command = bytearray()
        self._answer: bytes | None = None
        self.is_over = False
        """Whether the reader has deselected the card."""

    def receive(self, block: bytes) -> bytes | None:
        """The block to answer with; None is silence, which is the answer to whatever is wrong."""
        if not block or len(block) + _CRC_BYTES > self._to_card:
            return None
        pcb = block[0]
        has_cid = bool(pcb & _CID_FOLLOWS)
        if has_cid and not (self._knows_cid and len(block) > 1 and block[1] & 0x0F == self._cid):
            return None
        if self._cid and not has_cid:
            return None
        self._prologue = 2 if has_cid else 1
        reply = self._act(pcb & ~_CID_FOLLOWS, block[self._prologue :])
        if reply is None or not has_cid:
            return reply
        return bytes([reply[0] | _CID_FOLLOWS, self._cid]) + reply[1:]

    def _act(self, head: int, body: bytes) -> bytes | None:
        if head & 0xE2 == _I:
            return None if head & _NAD_FOLLOWS else self._take(head, body)
        if head & 0xEE == _R_ACK and not body:
            return self._acknowledged(head)
        if head == _S_DESELECT and not body:
            self.is_over = True
            return bytes([_S_DESELECT])
        if head == _S_WTX and len(body) == 1 and self._waits_left:
            self._waits_left -= 1
            return self._say()
        return None

    def _take(self, head: int, body: bytes) -> bytes:
        self._number ^= 1  # rule D
        self._answer = None
        self._waits_left = 0
        self._command += body
        if head & _CHAINING:
            return self._remember(bytes([_R_ACK | self._number]))
        command = bytes(self._command)
        self._command.clear()
        self._answer = self._apdu(command)
        self._waits_left = self._waits
        return self._say()

    def _acknowledged(self, head: int) -> bytes | None:
        if head & 1 == self._number:
            return self._last  # rule 11
        if head & _NAK:
            return bytes([_R_ACK | self._number])  # rule 12
        if not self._answer or self._waits_left:
            return None
        self._number ^= 1  # rule E
        return self._say()

    def _say(self) -> bytes:
        """The next block of the answer, or the wish for more time before it."""
        if self._waits_left:
            return self._remember(bytes([_S_WTX, 0x01]))
        assert self._answer is not None
        room = self._to_reader - _CRC_BYTES - self._prologue
        part, self._answer = self._answer[:room], self._answer[room:]
        chaining = _CHAINING if self._answer else 0
        return self._remember(bytes([_I | chaining | self._number]) + part)

    def _remember(self, block: bytes) -> bytes:
        self._last = block
        return block
