"""What is known of the line to the cloud, said calmly: lost once, back once."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from reader_agent.clock import Clock

LOST_AFTER_FAILURES: Final = 2
"""One failed exchange in a row is a server that restarted, not a cable that was pulled."""
STEADY_S: Final = 10
"""After a loss the line counts as back when it has worked for this long without a failure."""

_log = structlog.get_logger(__name__)


class Uplink:
    """Counts good and failed exchanges. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._is_lost = True
        self._was_online = False
        self._good_since_ns: int | None = None
        self._last_good_ns: int | None = None
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the cloud does not want to talk to this station; None while it does."""
        return self._problem

    def set_problem(self, code: str | None) -> None:
        """Note why, or that it is over."""
        with self._lock:
            before, self._problem = self._problem, code
        if before != code:
            _log.warning("station.problem", code=code, before=before)

    def succeeded(self) -> bool:
        """Note a good exchange. True if the line has just come back (or come up at first)."""
        with self._lock:
            now_ns = self._clock.mono_ns()
            self._failures = 0
            self._last_good_ns = now_ns
            if not self._is_lost:
                return False
            if self._good_since_ns is None:
                self._good_since_ns = now_ns
            steady_ns = STEADY_S * 1_000_000_000 if self._was_online else 0
            if now_ns - self._good_since_ns < steady_ns:
                return False
            self._is_lost, self._was_online = False, True
        _log.info("line.up")
        return True

    def failed(self, code: str) -> bool:
        """Note a failed exchange. True if the line counts as lost from now on."""
        with self._lock:
            self._failures += 1
            self._good_since_ns = None
            if self._is_lost or self._failures < LOST_AFTER_FAILURES:
                return False
            self._is_lost = True
        _log.warning("line.lost", code=code)
        return True

    @property
    def is_online(self) -> bool:
        """Whether the line works, with hysteresis."""
        with self._lock:
            return not self._is_lost

    @property
    def is_settling(self) -> bool:
        """Whether exchanges work again but not yet for long enough."""
        with self._lock:
            return self._is_lost and self._good_since_ns is not None

    def last_exchange_age_s(self) -> int | None:
        """Whole seconds since the last good exchange; None before the first."""
        with self._lock:
            if self._last_good_ns is None:
                return None
            return (self._clock.mono_ns() - self._last_good_ns) // 1_000_000_000
