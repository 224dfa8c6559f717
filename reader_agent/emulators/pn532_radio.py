"""The radio of an emulated PN532: how its firmware calls, selects and talks to tags.

The tags are `RadioTag`s, so the protocol of ISO/IEC 14443 really takes place between the two.
What NXP does not tell is done as its users saw it: cards are called with REQA (nfcpy finds a 26 in
the FIFO after a call that nobody answered), so that one which is active or halted does not answer,
and before a second card is searched for the first is halted ("2 tags, then 1, then none",
community.nxp.com thread 481864).
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.emulators.tags.block_protocol import frame_size
from reader_agent.emulators.tags.iso14443a import (
    CASCADE_TAG,
    REQA,
    SHORT_FRAME_BITS,
    WUPA,
    OnAir,
    RadioTag,
    collide,
)

_SELECT_CODES = (0x93, 0x95, 0x97)
_WHOLE = 0x70
_LEVEL_BITS = 40
_HALT = bytes.fromhex("5000")
_RATS = bytes.fromhex("E080")
_DESELECT = bytes.fromhex("C2")
_SPEAKS_APDU = 0x20
_CHAINING = 0x10
MOST_BLOCKS = 64


@dataclass(slots=True)
class Selected:
    """A card that the firmware has found. `number` is that of its next block."""

    uid: bytes
    atqa: bytes
    sak: int
    ats: bytes | None = None
    number: int = 0


class Radio:
    """The field and the tags in it."""

    def __init__(self) -> None:
        self.tags: list[RadioTag] = []
        self.is_on = False
        self.call = REQA
        """Of a search for a first card; a second one is searched for with REQA in any case."""

    def switch(self, *, on: bool) -> None:
        """The field on or off."""
        if self.is_on and not on:
            for tag in self.tags:
                tag.field_off()
        self.is_on = on

    def send(self, frame: bytes, last_bits: int = 0) -> OnAir | None:
        """A frame as it is; None where nobody answers."""
        if not self.is_on:
            return None
        heard = collide([tag.exchange(frame, last_bits) for tag in self.tags])
        return heard if heard.data else None

    def activate(self, call: int, *, with_rats: bool) -> Selected | None:
        """Call once, and select whoever is left of those who answer."""
        atqa = self.send(bytes([call]), SHORT_FRAME_BITS)
        if atqa is None:
            return None
        uid = b""
        for code in _SELECT_CODES:
            level = self._resolve(code)
            sak = None if level is None else self._select(code, level)
            if level is None or sak is None:
                return None
            if level[0] != CASCADE_TAG:
                card = Selected(uid + level[:4], atqa.data, sak)
                return self._with_ats(card) if with_rats and sak & _SPEAKS_APDU else card
            uid += level[1:4]
        return None

    def select_again(self, card: Selected) -> bool:
        """Wake a card that was let go of, by its UID."""
        # The second call is for one that was active, and which the first sent back.
        if not any(self.send(bytes([WUPA]), SHORT_FRAME_BITS) for _ in range(2)):
            return False
        uid = card.uid
        for code in _SELECT_CODES:
            part = uid if len(uid) == 4 else bytes([CASCADE_TAG]) + uid[:3]
            level = part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]])
            if self._select(code, level) is None:
                return False
            if len(uid) == 4:
                break
            uid = uid[3:]
        if card.ats is not None:
            card.number = 0
            return self._with_ats(card).ats is not None
        return True

    def let_go(self, card: Selected) -> None:
        """S(DESELECT) or HLTA, after which the card is halted."""
        command = _DESELECT if card.ats is not None else _HALT
        self.send(with_crc_a(command))

    def exchange_apdu(self, card: Selected, apdu: bytes) -> bytes | None:
        """Send an APDU in blocks; None where the card has gone."""
        assert card.ats is not None
        room = frame_size(card.ats[1] & 0x0F if len(card.ats) > 1 else 2) - 3
        pieces = [apdu[at : at + room] for at in range(0, len(apdu), room)] or [b""]
        block = None
        for piece in pieces:
            chaining = 0 if piece is pieces[-1] else _CHAINING
            block = self._block(card, bytes([0x02 | chaining | card.number]) + piece)
            if block is None:
                return None
            card.number ^= 1
        answer = b""
        for _ in range(MOST_BLOCKS):
            if block is None or block[0] & 0xE2 != 0x02:
                return None
            answer += block[1:]
            if not block[0] & _CHAINING:
                return answer
            block = self._block(card, bytes([0xA2 | card.number]))
            card.number ^= 1
        return None

    def _block(self, card: Selected, block: bytes) -> bytes | None:
        """A block and its answer, however often the card asks for more time."""
        for _ in range(MOST_BLOCKS):
            heard = self.send(with_crc_a(block))
            answer = None if heard is None else without_crc_a(heard.data)
            if answer is None or answer[0] & 0xF7 != 0xF2:
                return answer
            block = answer
        return None

    def _resolve(self, code: int) -> bytes | None:
        """The five bytes of a cascade level, of one card where several answer."""
        value = known = 0
        for _ in range(_LEVEL_BITS):
            whole, extra = divmod(known, 8)
            sent = value.to_bytes(whole + bool(extra), "little")
            heard = self.send(bytes([code, (2 + whole) << 4 | extra]) + sent, extra)
            if heard is None:
                return None
            value |= int.from_bytes(heard.data, "little") << known
            if heard.collision_bit is None:
                return value.to_bytes(_LEVEL_BITS // 8, "little")
            known += heard.collision_bit
            value &= (1 << known) - 1  # the bit that collided was received as a one
        return None

    def _select(self, code: int, level: bytes) -> int | None:
        heard = self.send(with_crc_a(bytes([code, _WHOLE]) + level))
        sak = None if heard is None else without_crc_a(heard.data)
        return None if sak is None else sak[0]

    def _with_ats(self, card: Selected) -> Selected:
        heard = self.send(with_crc_a(_RATS))
        card.ats = None if heard is None else without_crc_a(heard.data)
        return card
