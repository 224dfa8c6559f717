"""What every reader is to the station: who it tells, what it asks, and how it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from reader_agent.cards.conversation import Card, Errand
from reader_agent.drivers.port_watch import PortHealth
from reader_agent.presence import Arrival, Departure


@dataclass(frozen=True, slots=True)
class ReaderHealth:
    """A reader and what is known of its port. `chip` is what it said of itself, if it can."""

    name: str
    family: str
    device: str
    port: PortHealth
    chip: str | None = None


class Reader(Protocol):
    """An open reader. Its callbacks come from its own thread."""

    def health(self) -> ReaderHealth:
        """The state as of now; safe from any thread."""

    def close(self) -> None:
        """Give the device back and end the reader's thread. Not to be called from a callback."""


@runtime_checkable
class CardReader(Reader, Protocol):
    """A reader that can also talk to the card on it: personalise it, ask for its signature."""

    def run(self, errand: Errand) -> None:
        """Carry out `errand` on the reader's own thread; returns at once, safe from any thread.

        The errand is told when its card is not there (any more) or the reader is lost.
        """


@dataclass(frozen=True, slots=True)
class Listener:
    """What a reader tells the station, and what it asks."""

    on_arrival: Callable[[Arrival], None]
    on_departure: Callable[[Departure], None] = lambda _departure: None
    is_enrolled: Callable[[str], bool] = lambda _tag: False


__all__ = ["Card", "CardReader", "Errand", "Listener", "Reader", "ReaderHealth"]
