"""SQLite's write-ahead log, looked at before SQLite opens it: was any of it damaged after the fact?

SQLite reads a log up to the first frame that does not check and forgets the rest, which is right
for the last transaction before a power cut and wrong for a card that rots: then acknowledged
events go without a word. The two can be told apart: with `synchronous=FULL` a transaction is
begun only when the one before it is on the disk. So where a commit is followed by a frame that
continues its checksum, everything up to that commit was on the disk once, and has to check now.

What cannot be seen from here: damage to the very last transaction, which looks like a power cut,
and a log that was cut off between two transactions.

Format: sqlite.org/fileformat2.html#the_write_ahead_log. 32 bytes of header, then frames of 24 bytes
and a page; the checksum runs through the whole log, and each frame holds where it has come to.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = 0x377F0682
_PAGE_BYTES: Final = 4096
"""The size of our pages, for a log whose header is no longer readable."""

_MASK: Final = 0xFFFFFFFF
_CHECKED_OF_HEADER: Final = 24
_CHECKED_OF_FRAME: Final = 8
_STRETCH_BYTES: Final = 32

Sum = tuple[int, int]


class _Frame(NamedTuple):
    page: int
    pages_after_commit: int
    salt: Sum
    checksum: Sum


class _Log:
    """The log's bytes, taken apart."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        magic, _version, page_bytes, _count, *rest = _HEADER.unpack_from(raw)
        self.salt, self.start = (rest[0], rest[1]), (rest[2], rest[3])
        self._order = ">" if magic & 1 else "<"
        self.is_sound = magic & ~1 == _MAGIC and self.start == self._sum(
            raw[:_CHECKED_OF_HEADER], (0, 0)
        )
        if not self.is_sound:
            self._order = ">" if sys.byteorder == "big" else "<"
            page_bytes = _PAGE_BYTES
        self._stride: int = _FRAME.size + page_bytes
        self.count = (len(raw) - _HEADER.size) // self._stride

    def frame(self, index: int) -> _Frame:
        """The head of a frame; the first is 0."""
        page, after, *rest = _FRAME.unpack_from(self._raw, self._at(index))
        return _Frame(page, after, (rest[0], rest[1]), (rest[2], rest[3]))

    def continues(self, index: int, before: Sum) -> bool:
        """Whether a frame's bytes lead from the checksum `before` to its own."""
        at = self._at(index)
        head = self._sum(self._raw[at : at + _CHECKED_OF_FRAME], before)
        page = self._raw[at + _FRAME.size : at + self._stride]
        return self._sum(page, head) == self.frame(index).checksum

    def _at(self, index: int) -> int:
        return _HEADER.size + index * self._stride

    def _sum(self, piece: bytes, before: Sum) -> Sum:
        first, second = before
        # Four steps at once, and cut to 32 bits only then: a page is 512 steps.
        whole = len(piece) // _STRETCH_BYTES * _STRETCH_BYTES
        for a, b, c, d, e, f, g, h in struct.iter_unpack(f"{self._order}8I", piece[:whole]):
            first += a + second
            second += b + first
            first += c + second
            second += d + first
            first += e + second
            second += f + first
            first = (first + g + second) & _MASK
            second = (second + h + first) & _MASK
        for even, odd in struct.iter_unpack(f"{self._order}2I", piece[whole:]):
            first = (first + even + second) & _MASK
            second = (second + odd + first) & _MASK
        return first, second


def fault_in(path: Path) -> str | None:
    """What is wrong with the log at `path`, in words; None if it is sound, cut short or absent.

    Takes some 0.1 ms a frame, and a log has about a thousand at most; after an orderly end there
    is none at all.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(raw) < _HEADER.size:
        return None
    log = _Log(raw)
    last = _last_proven(log)
    if last is None:
        return None
    if not log.is_sound:
        return "the header of the write-ahead log is damaged"
    checksum = log.start
    for index in range(last + 1):
        if log.frame(index).salt != log.salt or not log.continues(index, checksum):
            return f"frame {index + 1} of the write-ahead log is damaged, {last + 1} were written"
        checksum = log.frame(index).checksum
    return None


def _last_proven(log: _Log) -> int | None:
    """The last commit that the log itself proves to have been on the disk."""
    for index in range(log.count - 2, -1, -1):
        frame, following = log.frame(index), log.frame(index + 1)
        if not frame.pages_after_commit or frame.salt != following.salt:
            continue
        # Frames with other salts are left over from before the log last began anew.
        if log.is_sound and frame.salt != log.salt:
            continue
        if log.continues(index + 1, frame.checksum):
            return index
    return None
