"""The requests at this place that nobody here has looked at yet."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from reader_agent.hands import Hands
from schemas import states
from schemas.district import LOT
from schemas.problems import Refusal
from schemas.visit import Visit

_DOC: Final = "seen_requests"


class NewRequests:
    """What a screen sounds for until somebody looks, also after a restart."""

    def __init__(self, hands: Hands, *, role: str) -> None:
        self._hands = hands
        self._is_lot = role == LOT
        doc = hands.unfinished.get(_DOC)
        self._seen: set[str] = set(doc["requests"]) if doc else set()

    def count(self) -> int:
        """How many came since somebody looked last."""
        with self._hands.lock:
            return len(self._open() - self._seen)

    def look(self) -> None:
        """Somebody sees all that there are."""
        with self._hands.lock:
            seen = self._open()
            if seen == self._seen:
                return
            self._seen = seen
            # On a disk that is full it is forgotten with the process, and no more is lost.
            with suppress(Refusal):
                self._hands.unfinished.put(_DOC, {"requests": sorted(seen)})

    def _open(self) -> set[str]:
        return {
            visit.request.event_id
            for visit in self._hands.mirror.visits()
            if visit.request is not None and self._is_ours(visit, visit.request.booth_id)
        }

    def _is_ours(self, visit: Visit, booth_id: str) -> bool:
        here = self._hands.here
        if self._is_lot:
            return visit.car == states.PARKED and visit.place_id == here
        return booth_id == here and visit.car != states.READY
