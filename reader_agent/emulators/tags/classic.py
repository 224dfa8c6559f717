"""A MIFARE Classic 1K or 4K: sectors behind two keys each, blocks of 16 bytes.

The cipher is left out: who talks to this model sends clear frames and asks `authenticate` first.
Access conditions are obeyed, value blocks are not there (their commands are refused). Memory,
access conditions and NAK values: data sheet MF1S50YYX, sections 8.6 to 9.6, as public libraries
quote it. A Classic answers a RATS, as any command it does not know, with NAK 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reader_agent.emulators.tags.model import ACK, Nibble, Reply

KEY_A = 0x60
KEY_B = 0x61
BLOCK_BYTES = 16
TRANSPORT_KEY = bytes.fromhex("FFFFFFFFFFFF")
TRANSPORT_TRAILER = TRANSPORT_KEY + bytes.fromhex("FF078069") + TRANSPORT_KEY

_READ, _WRITE = 0x30, 0xA0
_NAK = Nibble(0x4)

_NONE: frozenset[int] = frozenset()
_A = frozenset({KEY_A})
_B = frozenset({KEY_B})
_AB = _A | _B

# By the access bits C1 C2 C3 of a data block: who may read it, who may write it.
_DATA_RIGHTS = {
    0b000: (_AB, _AB),
    0b010: (_AB, _NONE),
    0b100: (_AB, _B),
    0b110: (_AB, _B),
    0b001: (_AB, _NONE),
    0b011: (_B, _B),
    0b101: (_B, _NONE),
    0b111: (_NONE, _NONE),
}


@dataclass(frozen=True, slots=True)
class _TrailerRights:
    write_keys: frozenset[int]
    read_bits: frozenset[int]
    write_bits: frozenset[int]
    read_key_b: frozenset[int]


_TRAILER_RIGHTS = {
    0b000: _TrailerRights(_A, _A, _NONE, _A),
    0b010: _TrailerRights(_NONE, _A, _NONE, _A),
    0b100: _TrailerRights(_B, _AB, _NONE, _NONE),
    0b110: _TrailerRights(_NONE, _AB, _NONE, _NONE),
    0b001: _TrailerRights(_A, _A, _A, _A),
    0b011: _TrailerRights(_B, _AB, _B, _NONE),
    0b101: _TrailerRights(_NONE, _AB, _B, _NONE),
    0b111: _TrailerRights(_NONE, _AB, _NONE, _NONE),
}


class MifareClassic:
    """A Classic 1K, or a 4K with `blocks=256`. `contents` gives blocks their 16 bytes; a trailer
    (block 3, 7, 11 …) so given sets the keys of its sector. All others are as from the factory."""

    def __init__(
        self, uid: bytes, contents: Mapping[int, bytes] | None = None, *, blocks: int = 64
    ) -> None:
        assert len(uid) in (4, 7)
        self.uid = uid
        is_4k = blocks == 256
        self.sak = 0x18 if is_4k else 0x08
        self.atqa = bytes([(0x02 if is_4k else 0x04) | (0x40 if len(uid) == 7 else 0), 0x00])
        self.ats: bytes | None = None
        self.blocks = [bytearray(BLOCK_BYTES) for _ in range(blocks)]
        for block in range(blocks):
            if block == trailer_of(block):
                self.blocks[block][:] = TRANSPORT_TRAILER
        self.blocks[0][:] = _manufacturer_block(uid, self.sak, self.atqa)
        for block, data in (contents or {}).items():
            self.blocks[block][:] = data
        self._key: int | None = None
        self._trailer: int | None = None
        self._write_to: int | None = None

    def select(self) -> None:
        """Selected anew: every sector is closed again."""
        self._key = self._trailer = self._write_to = None

    def field_off(self) -> None:
        """The field went away."""
        self.select()

    def authenticate(self, command: int, block: int, key: bytes) -> bool:
        """Whether `key` opens the sector of `block`; if not, the sector open before is closed."""
        self.select()
        if command not in (KEY_A, KEY_B) or not 0 <= block < len(self.blocks):
            return False
        trailer = self.blocks[trailer_of(block)]
        if bytes(trailer[:6] if command == KEY_A else trailer[10:]) != key:
            return False
        self._key, self._trailer = command, trailer_of(block)
        return True

    def command(self, data: bytes) -> Reply:
        """READ, or one of the two frames of WRITE; whatever else is refused."""
        if self._write_to is not None:
            return self._write(data)
        if len(data) != 2 or data[0] not in (_READ, _WRITE) or data[1] >= len(self.blocks):
            return self._refuse()
        block = data[1]
        if self._trailer is None:
            return self._refuse()
        if trailer_of(block) != self._trailer:
            self.select()  # a sector that was not opened is not even refused
            return None
        if data[0] == _READ:
            return self._read(block)
        if not self._may_write(block):
            return self._refuse()
        self._write_to = block
        return ACK

    def apdu(self, data: bytes) -> bytes:
        """Nothing: it speaks no APDUs."""
        raise AssertionError("a Classic has no ATS, so nobody sends it an APDU")

    def _refuse(self) -> Nibble:
        self.select()
        return _NAK

    def _read(self, block: int) -> Reply:
        if block != self._trailer:
            rights = self._data_rights(block)
            if rights is None or self._key not in rights[0]:
                return self._refuse()
            return bytes(self.blocks[block])
        trailer = self._trailer_rights()
        if trailer is None:
            return self._refuse()
        content = bytearray(self.blocks[block])
        content[:6] = bytes(6)
        if self._key not in trailer.read_bits:
            content[6:10] = bytes(4)
        if self._key not in trailer.read_key_b:
            content[10:] = bytes(6)
        return bytes(content)

    def _may_write(self, block: int) -> bool:
        if block == 0:
            return False
        if block != self._trailer:
            rights = self._data_rights(block)
            return rights is not None and self._key in rights[1]
        trailer = self._trailer_rights()
        return trailer is not None and self._key in trailer.write_keys | trailer.write_bits

    def _write(self, data: bytes) -> Reply:
        block, self._write_to = self._write_to, None
        assert block is not None
        if len(data) != BLOCK_BYTES:
            return self._refuse()
        if block != self._trailer:
            self.blocks[block][:] = data
            return ACK
        rights = self._trailer_rights()
        assert rights is not None
        if self._key in rights.write_keys:
            self.blocks[block][:6] = data[:6]
            self.blocks[block][10:] = data[10:]
        if self._key in rights.write_bits:
            self.blocks[block][6:10] = data[6:10]
        return ACK

    def _data_rights(self, block: int) -> tuple[frozenset[int], frozenset[int]] | None:
        assert self._trailer is not None
        first = 0 if self._trailer < 128 else self._trailer - 15
        group = block % 4 if self._trailer < 128 else (block - first) // 5
        bits = self._access_bits(group)
        if bits is None or self._key_is_void():
            return None
        return _DATA_RIGHTS[bits]

    def _trailer_rights(self) -> _TrailerRights | None:
        bits = self._access_bits(3)
        if bits is None or self._key_is_void():
            return None
        return _TRAILER_RIGHTS[bits]

    def _key_is_void(self) -> bool:
        """A key B that anyone may read opens the sector, but then nothing in it."""
        bits = self._access_bits(3)
        assert bits is not None
        return self._key == KEY_B and bool(_TRAILER_RIGHTS[bits].read_key_b)

    def _access_bits(self, group: int) -> int | None:
        """C1 C2 C3 of a group; None where their inverted copies differ: the sector is dead."""
        assert self._trailer is not None
        first, second, third = self.blocks[self._trailer][6:9]
        c1, c2, c3 = second >> 4, third & 0xF, third >> 4
        if (first & 0xF, first >> 4, second & 0xF) != (c1 ^ 0xF, c2 ^ 0xF, c3 ^ 0xF):
            return None
        return (c1 >> group & 1) << 2 | (c2 >> group & 1) << 1 | (c3 >> group & 1)


def trailer_of(block: int) -> int:
    """The last block of the sector, where its keys are; a 4K has sectors of 16 blocks from 128."""
    return block | 3 if block < 128 else block | 15


def _manufacturer_block(uid: bytes, sak: int, atqa: bytes) -> bytes:
    if len(uid) == 4:
        bcc = uid[0] ^ uid[1] ^ uid[2] ^ uid[3]
        uid += bytes([bcc])
    return (uid + bytes([sak]) + atqa).ljust(BLOCK_BYTES, b"\x00")
