"""When a UHF read says that a tag is here, and not merely somewhere near.

A tag in the field answers tens of times a second and from metres away, so the tag of the car
behind is the normal case. A tag counts as being at this reader while, within the last moment,

- it was read often enough with enough strength, and
- its best read was clearly stronger than the best of every other tag.

Even then it only says where something probably is: an EPC has no secret and can be written into
another tag, so no car is ever handed over for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from reader_agent.confirmation import Verdict
from schemas.tag_ids import is_blank

MOST_READS = 512
"""Of all tags in the window: some five seconds of a field full of them."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """What a site has tried out for its antenna. The defaults are a beginning, not a measurement.

    `reads` reads of at least `min_rssi_dbm` within `window_ms`, and the best of them at least
    `margin_db` above the best of any other tag in that window.
    """

    min_rssi_dbm: int = -65
    reads: int = 3
    window_ms: int = 1000
    margin_db: int = 6


@dataclass(frozen=True, slots=True)
class _Read:
    tag: str
    rssi_dbm: int
    mono_ns: int


class NearnessJudge:
    """Judges the reads of one reader. It remembers those of one window, and of more than
    `MOST_READS` only the latest."""

    def __init__(self, nearness: Nearness) -> None:
        self._nearness = nearness
        self._window_ns = nearness.window_ms * 1_000_000
        self._reads: deque[_Read] = deque(maxlen=MOST_READS)

    def heard(self, tag: str, rssi_dbm: int, mono_ns: int) -> None:
        """Take a read. Reads come in the order of their time."""
        self._forget_before(mono_ns - self._window_ns)
        self._reads.append(_Read(tag, rssi_dbm, mono_ns))

    def judge(self, tag: str, mono_ns: int, _previous_ns: int | None) -> Verdict:
        """What the latest read of `tag` amounts to; for `Presence`."""
        if is_blank(tag):
            return Verdict.PHANTOM
        self._forget_before(mono_ns - self._window_ns)
        own = [read.rssi_dbm for read in self._reads if read.tag == tag]
        strong = [rssi for rssi in own if rssi >= self._nearness.min_rssi_dbm]
        if len(strong) < self._nearness.reads:
            return Verdict.UNCONFIRMED
        others = [read.rssi_dbm for read in self._reads if read.tag != tag]
        if others and max(own) - max(others) < self._nearness.margin_db:
            return Verdict.UNCONFIRMED
        return Verdict.CONFIRMED

    def _forget_before(self, mono_ns: int) -> None:
        while self._reads and self._reads[0].mono_ns < mono_ns:
            self._reads.popleft()
