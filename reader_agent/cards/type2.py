"""Reading the link of a Type 2 tag: MIFARE Ultralight, NTAG213, 215 and 216.

NFC Forum "Type 2 Tag": READ `30 page` answers four pages of four bytes. Page 3 is the capability
container `E1 version size access`, the size in units of 8 bytes; TLV blocks follow from page 4.
"""

from __future__ import annotations

from reader_agent.cards.conversation import BROKEN, CardError, Talk
from reader_agent.cards.ndef import LONG_LENGTH, NDEF_TLV, NULL_TLV, TERMINATOR_TLV

READ = 0x30
PAGE_BYTES = 4
READ_BYTES = 16
CC_PAGE = 3
DATA_PAGE = 4
MAGIC = 0xE1

# One byte names a page: what lies behind page 255 would need another command.
_MOST_BYTES = (0x100 - DATA_PAGE) * PAGE_BYTES


class _Memory:
    """The data area of a tag, read as far as it was asked for."""

    def __init__(self, size: int, begun: bytes) -> None:
        self.size = size
        self.known = bytearray(begun)

    def upto(self, end: int) -> Talk[bool]:
        """Read up to byte `end`; False if the area ends before."""
        if end > self.size:
            return False
        while len(self.known) < end:
            page = DATA_PAGE + len(self.known) // PAGE_BYTES
            self.known += yield from read_pages(page)
        return True


def read_pages(page: int) -> Talk[bytes]:
    """The four pages from `page` on: 16 bytes."""
    answer = yield bytes([READ, page])
    if len(answer) != READ_BYTES:
        raise CardError(BROKEN, f"READ of page {page} answered {len(answer)} bytes")
    return answer


def read_message() -> Talk[bytes | None]:
    """The tag's NDEF message; None if it is not formatted for one, or holds none."""
    first = yield from read_pages(CC_PAGE)
    magic, version, size, access = first[:PAGE_BYTES]
    if magic != MAGIC or version >> 4 != 1 or access >> 4:
        return None
    memory = _Memory(min(size * 8, _MOST_BYTES), first[PAGE_BYTES:])
    at = 0
    while (yield from memory.upto(at + 1)):
        kind = memory.known[at]
        at += 1
        if kind == NULL_TLV:
            continue
        if kind == TERMINATOR_TLV or not (yield from memory.upto(at + 1)):
            return None
        length = memory.known[at]
        at += 1
        if length == LONG_LENGTH:
            if not (yield from memory.upto(at + 2)):
                return None
            length = int.from_bytes(memory.known[at : at + 2])
            at += 2
        if kind == NDEF_TLV:
            is_whole = yield from memory.upto(at + length)
            return bytes(memory.known[at : at + length]) if is_whole else None
        at += length
    return None
