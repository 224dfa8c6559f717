"""What a reader tells the station, for tests that wait for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from reader_agent.clock import SystemClock
from reader_agent.drivers.reader import Listener, Reader
from reader_agent.presence import Arrival, Departure

DEADLINE_S = 60.0


class Ear:
    """A listener that remembers, and lets a test wait for what comes."""

    def __init__(self) -> None:
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.departures: queue.Queue[Departure] = queue.Queue()
        self.listener = Listener(self.arrivals.put, self.departures.put)

    def arrival(self) -> Arrival:
        """The next arrival; fails when none comes."""
        return self.arrivals.get(timeout=DEADLINE_S)

    def confirmed(self) -> Arrival:
        """The next confirmed arrival; the unconfirmed ones before it are skipped."""
        while not (arrival := self.arrival()).confirmed:
            pass
        return arrival

    def departure(self) -> Departure:
        """The next departure; fails when none comes."""
        return self.departures.get(timeout=DEADLINE_S)


def wait_until(is_so: Callable[[], bool], describe: Callable[[], object]) -> None:
    """Return as soon as it is so; fail after a while, with what `describe` says."""
    clock, pause = SystemClock(), threading.Event()
    end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
    while not is_so():
        assert clock.mono_ns() < end_ns, describe()
        pause.wait(0.002)


def wait_for(reader: Reader, state: str, fault: str | None = None) -> None:
    """Wait until the reader's port is as told."""
    wait_until(
        lambda: (reader.health().port.state, reader.health().port.fault) == (state, fault),
        reader.health,
    )


def wait_for_chip(reader: Reader, chip: str) -> None:
    """Wait until the reader has said of itself what begins so."""
    wait_until(lambda: (reader.health().chip or "").startswith(chip), reader.health)
