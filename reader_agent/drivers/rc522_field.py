"""The tags on one RC522: what was read becomes arrivals and departures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.cards.conversation import Card
from reader_agent.confirmation import Verdict
from reader_agent.drivers.reader import Listener
from reader_agent.observation import Observation
from reader_agent.presence import Presence
from schemas.tag_ids import is_blank

log: FilteringBoundLogger = structlog.get_logger()


def judge(tag: str, _mono_ns: int, _previous_ns: int | None) -> Verdict:
    """Every read was checked by its XOR byte and a CRC: once is enough, but for zeros."""
    return Verdict.PHANTOM if is_blank(tag) else Verdict.CONFIRMED


class Field:
    """The tags on one reader. It outlives each opening of the device: a bus that fails for a moment
    makes no second arrival."""

    def __init__(self, name: str, listener: Listener, repeat_s: float) -> None:
        self._name = name
        self._listener = listener
        self._presence = Presence(judge, repeat_s=repeat_s)
        self._there: dict[str, bytes] = {}

    def knows(self, tag: str) -> bool:
        """Whether the tag has arrived and not departed."""
        return tag in self._there

    def uids(self) -> list[bytes]:
        """The UIDs of the tags that are there."""
        return list(self._there.values())

    def saw(self, card: Card, text: str | None, mono_ns: int) -> None:
        """A card was read."""
        self._there[card.tag] = card.uid
        raw = card.atqa + bytes([card.sak]) + card.uid
        arrival = self._presence.observe(Observation(self._name, card.tag, mono_ns, raw, text=text))
        if arrival is not None:
            self._deliver(lambda: self._listener.on_arrival(arrival))

    def caught_up(self, mono_ns: int) -> None:
        """All reads from before `mono_ns` are known."""
        for departure in self._presence.tick(mono_ns):
            self._there.pop(departure.tag, None)
            self._deliver(partial(self._listener.on_departure, departure))

    def _deliver(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            # The edge of the capture loop: a fault above must not make the reader deaf for good.
            log.exception("reader.consumer_failed", reader=self._name)
