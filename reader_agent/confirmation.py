"""When a read is good enough to act on: the policy against phantom tags.

At 125 kHz a frame with a right checksum is no proof of a card. The checksum is eight bits wide,
and users of good readers report ids that no card of theirs has (arendst/Tasmota#9522,
esprfid/esp-rfid#411). So a read is confirmed by a second one, or by the id being one of ours:

- zeros only: never; it is what an idle coil decodes to, checksum included;
- a reader that repeats while the tag lies on it: two equal frames within 300 ms;
- a reader that sends one frame a presentation: the id must be enrolled.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, StrEnum, auto

from schemas.tag_ids import is_blank

WINDOW_NS = 300_000_000


class Mode(StrEnum):
    """How a reader behaves while a tag lies on it."""

    REPEATING = "repeating"
    SINGLE = "single"
    AUTO = "auto"
    """Not known: either proof will do."""


class Verdict(Enum):
    """What one read amounts to."""

    CONFIRMED = auto()
    UNCONFIRMED = auto()
    PHANTOM = auto()


class Confirmation:
    """Judges reads of one reader. Keeps nothing: the caller knows when the tag was last read."""

    def __init__(self, mode: Mode, is_enrolled: Callable[[str], bool]) -> None:
        self._mode = mode
        self._is_enrolled = is_enrolled

    def judge(self, tag: str, mono_ns: int, previous_ns: int | None) -> Verdict:
        """`previous_ns` is the read of the same tag on the same reader before this one."""
        if is_blank(tag):
            return Verdict.PHANTOM
        if self._repeated(mono_ns, previous_ns) or self._known(tag):
            return Verdict.CONFIRMED
        return Verdict.UNCONFIRMED

    def _repeated(self, mono_ns: int, previous_ns: int | None) -> bool:
        if self._mode is Mode.SINGLE or previous_ns is None:
            return False
        return mono_ns - previous_ns <= WINDOW_NS

    def _known(self, tag: str) -> bool:
        return self._mode is not Mode.REPEATING and self._is_enrolled(tag)
