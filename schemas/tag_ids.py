"""What a tag is called: `kind:digits`, one spelling for each tag, the same on both sides.

| kind     | digits                                       | read by                      |
| -------- | -------------------------------------------- | ---------------------------- |
| `em4100` | 10 hex: version byte and 32-bit number       | 125 kHz serial readers       |
| `nfca`   | 8, 14 or 20 hex: a UID of 4, 7 or 10 bytes   | RC522, PN532                 |
| `epc`    | whole 16-bit words in hex, 1 to 31 of them   | UHF readers                  |
| `w26`    | 6 hex: facility byte and 16-bit number       | Wiegand readers              |
| `code`   | 32 hex, lower case: SHA-256 of a text, cut   | barcode and QR scanners      |

Hex is upper case except in `code`. An id is text and never an integer: leading zeros are part
of it, and readers that dropped the version byte gave two cards one number.
"""

from __future__ import annotations

import re

_DIGITS: dict[str, re.Pattern[str]] = {
    "em4100": re.compile(r"[0-9A-F]{10}"),
    "nfca": re.compile(r"[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20}"),
    "epc": re.compile(r"(?:[0-9A-F]{4}){1,31}"),
    "w26": re.compile(r"[0-9A-F]{6}"),
    "code": re.compile(r"[0-9a-f]{32}"),
}


class TagIDError(ValueError):
    """The text names no tag. `code` is `tag_kind_unknown` or `tag_digits_wrong`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_tag_id(text: str) -> str:
    """The canonical form of `text`; upper and lower case are both understood.

    Raises `TagIDError` for an unknown kind and for digits that the kind cannot have.
    """
    kind, _, digits = text.partition(":")
    kind = kind.lower()
    if kind not in _DIGITS:
        known = ", ".join(_DIGITS)
        raise TagIDError("tag_kind_unknown", f"a tag id begins with one of: {known}")
    digits = digits.lower() if kind == "code" else digits.upper()
    if not _DIGITS[kind].fullmatch(digits):
        raise TagIDError("tag_digits_wrong", f"these digits cannot follow {kind}:")
    return f"{kind}:{digits}"


def is_blank(tag_id: str) -> bool:
    """Whether the id is nothing but zeros: what noise decodes to, and no tag's name."""
    _, _, digits = tag_id.partition(":")
    return not digits.strip("0")
