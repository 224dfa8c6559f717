"""JPEG files made by hand: whole to whoever reads their segments, noise to whoever draws them.

Segments by ITU-T T.81, Annex B; JFIF 1.02; EXIF 2.3 (CIPA DC-008), 4.5.
"""

from __future__ import annotations

import random

EXIF = b"Exif\0\0MM\0*GPS 8.9521N 79.5340W Ana's telephone"
SECRETS = (b"Exif", b"GPS", b"telephone", b"comment of mine", b"second of film", b"thumbnail")


def segment(marker: int, payload: bytes) -> bytes:
    """One segment with its length."""
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def jfif(thumbnail: bytes = b"") -> bytes:
    """The first segment, with a thumbnail one pixel high."""
    size = bytes((len(thumbnail) // 3, 1 if thumbnail else 0))
    return segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1" + size + thumbnail)


def frame(width: int, height: int, marker: int = 0xC0) -> bytes:
    """How large the picture is, in three components."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return segment(marker, b"\x08" + size + b"\x03\1\x22\0\2\x11\1\3\x11\1")


def scan(size_bytes: int, seed: int = 1) -> bytes:
    """The picture itself: a header, and noise in which every FF is followed by 00 or a restart."""
    noise = random.Random(seed).randbytes(size_bytes)
    stuffed = noise.replace(b"\xff", b"\xff\0") + b"\xff\xd0" + noise[:10].replace(b"\xff", b"")
    return segment(0xDA, b"\x03\1\0\2\x11\3\x11\0\x3f\0") + stuffed


def jpeg(
    size_bytes: int = 4_000,
    *,
    seed: int = 1,
    width: int = 640,
    height: int = 480,
    extra: bytes = b"",
) -> bytes:
    """A whole file of about so many bytes; `extra` are segments that stand before the frame."""
    tables = segment(0xDB, bytes(65)) + segment(0xC4, bytes(28))
    body = jfif() + extra + tables + frame(width, height) + scan(size_bytes, seed)
    return b"\xff\xd8" + body + b"\xff\xd9"


def chatty_jpeg() -> bytes:
    """A file as a telephone writes it, with everything that is nobody's business."""
    extra = (
        segment(0xE1, EXIF)
        + segment(0xE2, b"ICC_PROFILE\0\1\1telephone")
        + segment(0xED, b"Photoshop 3.0\0telephone")
        + segment(0xFE, b"comment of mine")
        + segment(0xEE, b"Adobe\0d\0\0\0\0\1 telephone")
    )
    whole = jpeg(extra=extra).replace(jfif(), jfif(b"thumbnail"), 1)
    return whole + b"\xff\xd8 a second of film \xff\xd9"
