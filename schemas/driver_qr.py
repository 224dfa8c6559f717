"""The driver's QR: what the page of the link shows beside the hand-over code, for a scanner.

    CV1:H-0427:0815

`CV1` is the form's name and version, then come the ticket's code and the four digits. It proves
what the digits prove, for as long as they do. In capitals, digits, colon and dash alone, it fits
the smallest QR code there is in its alphanumeric mode (ISO/IEC 18004).
"""

from __future__ import annotations

import re

_MARK = "CV1"
_TEXT = re.compile(rf"{_MARK}:([A-Z]-[0-9]{{4}}):([0-9]{{4}})")


def encode(code: str, digits: str) -> str:
    """The text for a ticket's code and its four digits. Raises `ValueError` for other shapes."""
    text = f"{_MARK}:{code}:{digits}"
    if not _TEXT.fullmatch(text):
        raise ValueError("a ticket code is written H-0427 and a hand-over code has four digits")
    return text


def decode(text: str) -> tuple[str, str] | None:
    """Ticket code and digits in a scanned text; None for any other text. A scanner may add
    blanks or the end of a line."""
    found = _TEXT.fullmatch(text.strip(" \t\r\n"))
    return None if found is None else (found[1], found[2])
