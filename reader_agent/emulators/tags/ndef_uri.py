"""An NDEF message of one URI, as an emulated tag holds it.

Not the encoder of `reader_agent/cards`: a tag that is written by the code that reads it would
prove nothing. Record and prefix codes: NFC Forum URI Record Type Definition 1.0.
"""

from __future__ import annotations

_PREFIXES = ((0x02, "https://www."), (0x04, "https://"), (0x01, "http://www."), (0x03, "http://"))


def uri_message(uri: str) -> bytes:
    """The message: one record, short where its payload has less than 256 bytes."""
    code, rest = next(
        ((code, uri.removeprefix(text)) for code, text in _PREFIXES if uri.startswith(text)),
        (0x00, uri),
    )
    payload = bytes([code]) + rest.encode()
    if len(payload) < 256:
        return b"\xd1\x01" + bytes([len(payload)]) + b"U" + payload
    return b"\xc1\x01" + len(payload).to_bytes(4, "big") + b"U" + payload


def type2_tlv(message: bytes) -> bytes:
    """The message as it lies in a Type 2 tag, with the terminator behind it."""
    count = len(message)
    length = bytes([count]) if count < 255 else b"\xff" + count.to_bytes(2, "big")
    return b"\x03" + length + message + b"\xfe"


def type4_file(message: bytes) -> bytes:
    """The message as it lies in the NDEF file of a Type 4 tag: behind its length (NLEN)."""
    return len(message).to_bytes(2, "big") + message
