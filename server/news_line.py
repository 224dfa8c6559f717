"""The line in which stations stand that ask for news: they are answered one after the other.

A change wakes all stations of the district at once. Python works on one request at a time whatever
we do, so in line they are told as soon as in a crowd, and whoever asks for something else meanwhile
(a driver's page, an event that comes in) shares the processor with one of them instead of all.

Nobody stands in it for longer than `_PATIENCE_S`: where the database is away, one that waits for it
must not hold up all others one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import g

_PATIENCE_S = 1.0


class NewsLine:
    """The line of one process."""

    def __init__(self) -> None:
        self._front = threading.Lock()

    def enter(self) -> None:
        """Wait until the request at hand is at the front. It is there until it goes `out`, or
        until `leave` is called when it has ended."""
        if self._front.acquire(timeout=_PATIENCE_S):
            g.front_of_line = self._front

    @contextmanager
    def out(self) -> Iterator[None]:
        """Let others come to the front while the request at hand waits for news."""
        leave()
        try:
            yield
        finally:
            self.enter()


def leave(_error: BaseException | None = None) -> None:
    """Let the next one come to the front, if the request at hand is there."""
    front: threading.Lock | None = g.pop("front_of_line", None)
    if front is not None:
        front.release()
