"""Taking back what was just done, for as long as the screen offers it.

One thing at a time, in memory: what is offered is the last thing done, and a restart ends it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.problems import Refusal

OFFERED_S = 8
"""How long the screen offers it; a little later it is still taken, for slow hands."""
_TAKEN_FOR = timedelta(seconds=OFFERED_S + 4)


@dataclass(frozen=True, slots=True)
class _Offer:
    token: str
    act: Callable[[], object]
    until: datetime


class Undo:
    """Thread-safe. `act` does the opposite, and may refuse."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offer: _Offer | None = None

    def offer(self, act: Callable[[], object], now: datetime) -> None:
        """The last thing done can be taken back by `act`."""
        with self._lock:
            self._offer = _Offer(secrets.token_urlsafe(12), act, now + _TAKEN_FOR)

    def token(self, now: datetime) -> str | None:
        """What names the offer that stands; None without one."""
        with self._lock:
            offer = self._offer
        return offer.token if offer is not None and now < offer.until else None

    def take(self, token: str, now: datetime) -> None:
        """Do it, once. Refusal `too_late`, and what `act` gives."""
        with self._lock:
            offer, self._offer = self._offer, None
        if offer is None or offer.token != token or now >= offer.until:
            raise Refusal("too_late")
        offer.act()
