"""What is known of a device that is kept open: its health, its faults, and when to try again.

A loss is said once and a return once, whatever kind of bus the device hangs on. The thread that
keeps the device open tells this; anybody may look.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.clock import Clock

RETRY_S = (0.25, 0.5, 1.0, 2.0, 5.0)
NODE_POLL_S = 0.1

PORT_MISSING = "port_missing"
PORT_BUSY = "port_busy"
PORT_FORBIDDEN = "port_forbidden"
PORT_LOST = "port_lost"
PORT_FAILED = "port_failed"
READER_SILENT = "reader_silent"
"""The port is open, and the reader that should answer on it does not."""
READER_REFUSED = "reader_refused"
"""It answers, and does not take the settings that it should have."""

log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PortHealth:
    """What is known of a port, which is less than whether its reader works.

    A reader that only talks cannot be asked, so nothing here says "OK": a screen shows "port
    open, last byte at …". One that can be asked and does not answer has a `fault` on an open
    port. `turned_mono_ns` is when the thread last got round its loop: a watchdog is fed only
    while it moves.
    """

    state: Literal["waiting", "open", "lost"] = "waiting"
    fault: str | None = None
    opened_mono_ns: int | None = None
    last_byte_mono_ns: int | None = None
    turned_mono_ns: int | None = None


class PortWatch:
    """One device. `hints` says what to do, by fault; `retry_s` are the waits between attempts."""

    def __init__(
        self,
        device: str,
        clock: Clock,
        hints: Mapping[str, str],
        retry_s: Sequence[float] = RETRY_S,
    ) -> None:
        self.health = PortHealth()
        self._device = device
        self._clock = clock
        self._hints = hints
        self._retry_s = retry_s
        self._failures = 0
        self._said: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether the device is open now."""
        return self.health.state == "open"

    def opened(self) -> None:
        """The device is open."""
        is_first = self.health.opened_mono_ns is None
        log.info("reader.open" if is_first else "reader.back", port=self._device)
        self._said = set()
        self.health = replace(
            self.health, state="open", fault=None, opened_mono_ns=self._clock.mono_ns()
        )

    def failed(self, fault: str, detail: str = "") -> None:
        """It is not open, or no more. Each kind of fault is said once until it is open again."""
        state: Literal["waiting", "lost"] = "waiting"
        if self.health.state != "waiting":
            state = "lost"
        self.health = replace(self.health, state=state, fault=fault)
        if fault in self._said:
            return
        self._said.add(fault)
        if fault == PORT_LOST:
            # After a loss the device is of course missing; that is no second piece of news.
            self._said.add(PORT_MISSING)
        log.warning(
            "reader.lost" if state == "lost" else "reader.waiting",
            port=self._device,
            fault=fault,
            hint=self._hints.get(fault),
            detail=detail,
        )

    def report(self, fault: str | None) -> None:
        """On an open port: what is wrong with the reader behind it, None when it is well again."""
        if not self.is_open or fault == self.health.fault:
            return
        self.health = replace(self.health, fault=fault)
        if fault is None:
            log.info("reader.answers", port=self._device)
        else:
            log.warning("reader.fault", port=self._device, fault=fault, hint=self._hints.get(fault))

    def heard(self, mono_ns: int) -> None:
        """Something came from it."""
        self.health = replace(self.health, last_byte_mono_ns=mono_ns)

    def turned(self, mono_ns: int) -> None:
        """Its thread got round its loop."""
        self.health = replace(self.health, turned_mono_ns=mono_ns)

    def ended(self) -> None:
        """Nobody keeps it open any more."""
        self.health = replace(self.health, state="waiting", fault=None)

    def good(self) -> None:
        """What came made sense: the next loss is retried quickly again."""
        self._failures = 0

    def retry_delay_s(self) -> float:
        """How long to wait now; longer each time until `good`."""
        delay_s = self._retry_s[min(self._failures, len(self._retry_s) - 1)]
        self._failures += 1
        # Jitter, so that readers on one hub that browned out do not all come back at once.
        return delay_s * secrets.SystemRandom().uniform(0.8, 1.0)
