"""Turns the many reads of a tag that lies on a reader into one arrival and one departure.

A tag arrives with its first read, stays while reads follow, and departs after a silence. It
takes a `tick` to depart, which says that all reads up to a moment are known. A gap between two
reads proves nothing: the thread that reads may have been held up while the tag lay still, and
one tap would become two.

While a tag stays nothing more is said about it, with one exception: a tag whose arrival could
not be confirmed at once arrives a second time when it is. So a presence has at most one
unconfirmed arrival, which nobody acts on, and at most one confirmed arrival, which is the tap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reader_agent.confirmation import Verdict
from reader_agent.observation import Observation

SHORTEST_STAY_S = 0.6
MISSED_READS = 3
"""A reader may miss this many reads in a row before its tag counts as gone."""
MOST_TAGS = 64
"""Noise and UHF can name any number of tags; a booth counter holds far fewer than this."""

Judge = Callable[[str, int, int | None], Verdict]
"""(tag, mono_ns, the mono_ns of its previous read) -> verdict; see `confirmation`."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A tag has come to a reader. Only a confirmed one may make something happen."""

    tag: str
    reader: str
    mono_ns: int
    confirmed: bool
    rssi_dbm: int | None = None
    text: str | None = field(default=None, repr=False)
    """What the tag itself said when it arrived, see `Observation`. Never to be logged: a card that
    proves itself says something new each time, and it opens a ticket."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A tag has gone. An unconfirmed one asks the person to present it again."""

    tag: str
    reader: str
    mono_ns: int
    """When it was read last."""
    confirmed: bool


@dataclass(slots=True)
class _Stay:
    last: Observation
    confirmed: bool


class Presence:
    """The tags on one reader.

    `repeat_s` is how often the reader repeats itself: 0.065 for an RDM6300, 2 for some clones.
    """

    def __init__(self, judge: Judge, repeat_s: float = 0.065) -> None:
        silence_s = max(SHORTEST_STAY_S, MISSED_READS * repeat_s)
        self._silence_ns = round(silence_s * 1_000_000_000)
        self._judge = judge
        # In the order of the last read, longest ago first: who departs is always in front.
        self._stays: dict[str, _Stay] = {}

    def observe(self, obs: Observation) -> Arrival | None:
        """The arrival that this read makes, if it makes one."""
        stay = self._stays.pop(obs.tag, None)
        verdict = self._judge(obs.tag, obs.mono_ns, stay.last.mono_ns if stay else None)
        if verdict is Verdict.PHANTOM:
            return None
        was_confirmed = stay is not None and stay.confirmed
        confirmed = was_confirmed or verdict is Verdict.CONFIRMED
        self._stays[obs.tag] = _Stay(obs, confirmed)
        if len(self._stays) > MOST_TAGS:
            del self._stays[next(iter(self._stays))]
        if stay is not None and confirmed == was_confirmed:
            return None
        return Arrival(obs.tag, obs.reader, obs.mono_ns, confirmed, obs.rssi_dbm, obs.text)

    def tick(self, mono_ns: int) -> list[Departure]:
        """Who has departed by `mono_ns`; all reads from before `mono_ns` have been observed."""
        departed: list[Departure] = []
        while self._stays:
            stay = next(iter(self._stays.values()))
            last = stay.last
            if mono_ns - last.mono_ns < self._silence_ns:
                break
            del self._stays[last.tag]
            departed.append(Departure(last.tag, last.reader, last.mono_ns, stay.confirmed))
        return departed
