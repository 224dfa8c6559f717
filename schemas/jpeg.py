"""What a JPEG file is made of (ITU-T T.81, Annex B; JFIF 1.02), as far as is needed to know that
it is one, how large its picture is, and to take out of it what is no picture.

Cameras write more into a file than the picture: where and when it was taken, by whose telephone,
a small copy of it, a second of film behind its end. None of that is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_APPLICATION: Final = range(0xE0, 0xF0)
# SOF0 to SOF15 without DHT, JPG and DAC, which share the range.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JFIF_BYTES: Final = 14
_ADOBE_BYTES: Final = 12
# In a scan, FF 00 stands for the byte FF, and FF D0 to FF D7 are places to start again at.
_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)


class JPEGError(ValueError):
    """This is no whole JPEG file."""


@dataclass(frozen=True, slots=True)
class JPEG:
    """A file with its picture and nothing else, and how many pixels wide and high it is."""

    content: bytes
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """How many pixels whoever draws it has to hold in memory."""
        return self.width * self.height


def only_picture(content: bytes) -> JPEG:
    """The file without application segments (EXIF, XMP, ICC, thumbnails), comments, and whatever
    stands behind its end. Of these only what tells how to read the colours stays. Nothing is
    decoded: the picture's own bytes remain as they are. Raises `JPEGError`."""
    if not content.startswith(_START):
        raise JPEGError("does not begin as a JPEG")
    kept, size, at, has_scan = [_START], None, len(_START), False
    while True:
        marker, at = _marker(content, at)
        if marker == _EOI:
            break
        payload, at = _segment(content, at)
        if marker in _FRAMES:
            size = _size_of(payload)
        written = _kept(marker, payload)
        if written is not None:
            kept.append(bytes((0xFF, marker)) + (len(written) + 2).to_bytes(2, "big") + written)
        if marker == _SOS:
            has_scan = True
            end = _NEXT_MARKER.search(content, at)
            if end is None:
                raise JPEGError("has no end")
            kept.append(content[at : end.start()])
            at = end.start()
    if size is None or not has_scan:
        raise JPEGError("holds no picture")
    return JPEG(b"".join((*kept, _END)), *size)


def _marker(content: bytes, at: int) -> tuple[int, int]:
    """The marker at `at`, which may be filled up with FF before it, and where it ends."""
    found = re.compile(rb"\xff+[\xc0-\xfe]", re.DOTALL).match(content, at)
    if found is None:
        raise JPEGError("is cut or damaged")
    return content[found.end() - 1], found.end()


def _segment(content: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(content[at : at + 2], "big")
    payload = content[at + 2 : at + length]
    if length < 2 or len(payload) != length - 2:
        raise JPEGError("is cut or damaged")
    return payload, at + length


def _size_of(payload: bytes) -> tuple[int, int]:
    # Precision, height, width, number of components. A height of 0 would be told after the scan.
    height, width = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big")
    if len(payload) < 6 or not height or not width:
        raise JPEGError("does not say how large it is")
    return width, height


def _kept(marker: int, payload: bytes) -> bytes | None:
    """What of a segment is written again."""
    if marker == _JFIF and payload.startswith(b"JFIF\0") and len(payload) >= _JFIF_BYTES:
        # Without its thumbnail, whose width and height are the last two bytes.
        return payload[: _JFIF_BYTES - 2] + b"\0\0"
    if marker == _ADOBE and payload.startswith(b"Adobe") and len(payload) >= _ADOBE_BYTES:
        return payload[:_ADOBE_BYTES]
    return None if marker in _APPLICATION or marker == _COMMENT else payload
