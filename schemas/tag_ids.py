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
    """The text names no tag, or none that can be enrolled. `code` is `tag_kind_unknown`,
    `tag_digits_wrong`, `tag_blank`, `tag_random` or `tag_cut`."""

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


def is_hint(tag_id: str) -> bool:
    """Whether a read says only where something is: UHF tags answer from metres away, so the
    wrong car's tag is the normal case."""
    return tag_id.startswith("epc:")


def check_lasting(tag_id: str) -> str:
    """`tag_id`, if it will name this tag and no other tomorrow too.

    Raises `TagIDError` `tag_random` for an id that the chip makes up at each reading (ISO/IEC
    14443-3: four bytes, the first is 08; phones do this), `tag_cut` for the first three bytes of
    a longer one (the first is the cascade tag 88), `tag_blank` for zeros, and what
    `parse_tag_id` raises.
    """
    tag_id = parse_tag_id(tag_id)
    if is_blank(tag_id):
        raise TagIDError("tag_blank", "an id of zeros is no tag: it is what noise reads as")
    kind, _, digits = tag_id.partition(":")
    if kind == "nfca" and len(digits) == 8:
        if digits.startswith("08"):
            raise TagIDError(
                "tag_random",
                "this id begins with 08: the chip makes up a new one at every reading, as a "
                "phone does; take a card or fob with an id of its own",
            )
        if digits.startswith("88"):
            raise TagIDError(
                "tag_cut",
                "this id begins with 88: it is only the first half of a longer one, from a "
                "reader that cuts it; read the tag with a reader that gives all of it",
            )
    return tag_id
