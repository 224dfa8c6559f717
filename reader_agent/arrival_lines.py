"""One line for one arrival: an unconfirmed one waits a moment for what would confirm it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from reader_agent.clock import Clock
from reader_agent.confirmation import WINDOW_NS
from reader_agent.presence import Arrival


class ArrivalLines:
    """Passes arrivals on to `say` with the time at which they came.

    A confirmed arrival goes out at once. An unconfirmed one is held for as long as a repeat
    could still confirm it, and is then said as it is. Thread-safe.
    """

    def __init__(self, say: Callable[[Arrival, datetime], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Arrival, datetime]] = {}

    def arrived(self, arrival: Arrival) -> None:
        """Take an arrival from a reader."""
        with self._lock:
            _, since = self._held.pop(arrival.tag, (arrival, self._clock.wall()))
            if arrival.confirmed:
                self._say(arrival, since)
            else:
                self._held[arrival.tag] = (arrival, since)

    def tick(self, mono_ns: int) -> None:
        """Say what nothing can confirm in time any more."""
        with self._lock:
            late = [
                tag
                for tag, (arrival, _) in self._held.items()
                if mono_ns - arrival.mono_ns > WINDOW_NS
            ]
            for tag in late:
                self._say(*self._held.pop(tag))

    def end(self) -> None:
        """Say what is still held; nothing more will come."""
        with self._lock:
            for arrival, since in self._held.values():
                self._say(arrival, since)
            self._held.clear()
