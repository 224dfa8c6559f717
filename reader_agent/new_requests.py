"""The requests at this place that nobody here has looked at yet."""

from __future__ import annotations

import threading

from reader_agent.mirror import Mirror
from schemas import states
from schemas.district import LOT
from schemas.visit import Visit


class NewRequests:
    """What a screen sounds for until somebody looks. Kept in memory: after a start all are new."""

    def __init__(self, mirror: Mirror, lock: threading.RLock, *, here: str, role: str) -> None:
        self._mirror = mirror
        self._lock = lock
        self._here = here
        self._is_lot = role == LOT
        self._seen: set[str] = set()

    def count(self) -> int:
        """How many came since somebody looked last."""
        with self._lock:
            return len(self._open() - self._seen)

    def look(self) -> None:
        """Somebody sees all that there are."""
        with self._lock:
            self._seen = self._open()

    def _open(self) -> set[str]:
        return {
            visit.request.event_id
            for visit in self._mirror.visits()
            if visit.request is not None and self._is_ours(visit, visit.request.booth_id)
        }

    def _is_ours(self, visit: Visit, booth_id: str) -> bool:
        if self._is_lot:
            return visit.car == states.PARKED and visit.place_id == self._here
        return booth_id == self._here and visit.car != states.READY
