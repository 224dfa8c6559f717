"""Serial scanners of barcodes and QR codes: bytes in, texts out, no I/O.

A scanner sends the text of a code and then CR, LF or both; whoever sends none of them is
understood too, by the pause behind the text. Some put STX and ETX around it, or a symbology
identifier (AIM, `]Q1` for a QR code) in front; neither is part of the text.

There is no checksum on the wire, so nothing here can tell a damaged text from a good one. What is
surely no text is dropped: more than 512 bytes, bytes that are no UTF-8, control characters.

The answers of the GM65's command channel come on the same wire, in front of a text and even
inside it, without an end of their own. They are taken out first, and only whole: `33 31`, the end
of the usual answer, is also how the digits 31 of a code look.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from reader_agent.drivers.gm65 import LONGEST_ANSWER, Unclear, judge_answer

STX = 0x02
ETX = 0x03
LINE_ENDS = b"\r\n"
LONGEST_LINE = 512
SILENCE_NS = 100_000_000
"""At 9600 baud the bytes of one text are 1 ms apart; a USB adapter adds up to 16 ms."""
TAG_DIGITS = 32

TOO_LONG = "line_too_long"
NOT_TEXT = "line_not_text"
CUT = "line_cut"

_AIM = re.compile(r"\A\][A-Za-z][0-9A-Za-z](?=.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x03\x05-\x08\x0b-\x1b\x7f-\x9f]")
"""All but tab and the separators of GS1 codes and licences (04, 1C to 1F)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One code. `raw` is its line, without the end."""

    text: str
    raw: bytes

    @property
    def tag(self) -> str:
        """The canonical tag id."""
        return code_tag(self.text)


def code_tag(text: str) -> str:
    """What a code with this text is called: an id that can be logged where the text cannot."""
    return f"code:{hashlib.sha256(text.encode()).hexdigest()[:TAG_DIGITS]}"


class ScannerParser:
    """Finds texts in whatever chunks the bytes come; holds back at most 512 bytes of a line and
    133 of what may be an answer; never raises.

    `on_answer(raw)` gets each answer of the command channel, `on_drop(reason)` is told of each
    line that was dropped: `line_too_long`, `line_not_text` or `line_cut`.
    """

    def __init__(
        self,
        on_answer: Callable[[bytes], None] = lambda _raw: None,
        on_drop: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._on_answer = on_answer
        self._on_drop = on_drop
        self._pending = b""
        self._line = bytearray()
        self._in_stx = False
        self._is_too_long = False
        self._last_byte_ns = 0

    def feed(self, data: bytes, mono_ns: int) -> list[Scan]:
        """The texts that `data` completes, in order. `mono_ns` is when it was read.

        A late chunk does not cut a text in two; only `tick` knows of a pause.
        """
        if data:
            self._last_byte_ns = mono_ns
        return self._separate(self._pending + data, is_all=False)

    def tick(self, mono_ns: int) -> list[Scan]:
        """All bytes from before `mono_ns` have been fed: a pause ends the text before it."""
        if mono_ns - self._last_byte_ns < SILENCE_NS:
            return []
        return self._separate(self._pending, is_all=True) + self._end_line()

    def forget(self) -> None:
        """Drop what is held back: the device was lost, and the rest of its text with it."""
        self._pending = b""
        self._begin_line()

    def _separate(self, window: bytes, *, is_all: bool) -> list[Scan]:
        """Take the answers out of `window`, and make lines of the rest."""
        scans: list[Scan] = []
        at = 0
        while at < len(window):
            if window[at] == STX:
                found = judge_answer(window[at : at + LONGEST_ANSWER])
                if isinstance(found, bytes):
                    self._on_answer(found)
                    at += len(found)
                    continue
                if found is Unclear.UNFINISHED and not is_all:
                    break
            scans += self._take(window[at])
            at += 1
        self._pending = window[at:]
        return scans

    def _take(self, byte: int) -> list[Scan]:
        if byte in LINE_ENDS or (byte == ETX and self._in_stx):
            return self._end_line()
        if byte == STX:
            # A text begins, so what stands before it will never be ended.
            if self._line:
                self._on_drop(CUT)
            self._begin_line()
            self._in_stx = True
        elif len(self._line) == LONGEST_LINE:
            self._on_drop(TOO_LONG)
            self._line.clear()
            self._is_too_long = True
        elif not self._is_too_long:
            self._line.append(byte)
        return []

    def _begin_line(self) -> None:
        self._line.clear()
        self._in_stx = self._is_too_long = False

    def _end_line(self) -> list[Scan]:
        raw = bytes(self._line)
        self._begin_line()
        if not raw:
            return []
        text = _text(raw)
        if text is None:
            self._on_drop(NOT_TEXT)
            return []
        return [Scan(text, raw)] if text else []


def _text(raw: bytes) -> str | None:
    """What the line says; None if it cannot be a text."""
    try:
        text = raw.removesuffix(bytes([ETX])).decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else _AIM.sub("", text)
