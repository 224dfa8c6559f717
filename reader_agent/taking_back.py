"""Taking back what was said of a car by mistake: that it was taken, was parked, or is there.

For a while, where it was said, by whoever said it or a supervisor, and only while nothing moved
the car since. It is an event like any other: the first word stays in the journal, and the visit is
folded as if it had never been said.
"""

from __future__ import annotations

from reader_agent.clock import Clock
from reader_agent.config import Limits
from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from reader_agent.shift import may_supervise
from schemas import events, states
from schemas.events import Event
from schemas.problems import Refusal


class TakingBack:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands, clock: Clock, limits: Limits) -> None:
        self._hands = hands
        self._clock = clock
        self._within_ns = limits.undo_s * 1_000_000_000

    def offered(self, visit_id: str) -> Event | None:
        """What the actor may take back of a visit now."""
        with self._hands.lock:
            event, actor = self._last(visit_id), self._hands.shift.actor()
        if event is None or actor is None:
            return None
        return event if actor.id == event.actor or may_supervise(actor) else None

    def take_back(self, visit_id: str, event_id: str) -> str:
        """It was a mistake; the ticket's code.

        Refusal `not_signed_in`, `unknown_visit`, `too_late` once the time is over or something
        else moved the car, `not_allowed`, and what storage gives.
        """
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            event = self._last(visit_id)
            if event is None or event.id != event_id:
                raise Refusal("too_late")
            if actor.id != event.actor and not may_supervise(actor):
                raise Refusal("not_allowed")
            data = {"event_id": event.id}
            new = NewEvent(events.VISIT_UNDONE, visit.id, visit.step + 1, data)
            self._hands.record(new, actor.id)
        return visit.code

    def _last(self, visit_id: str) -> Event | None:
        """What moved the car last, where it was said here, and just now."""
        if self._hands.mirror.visit(visit_id) is None:
            return None
        event = self._hands.mirror.last_moved(visit_id).event
        is_ours = event.boot_id == self._clock.boot_id() and event.place_id == self._hands.here
        if not is_ours or event.type not in states.UNDOABLE:
            return None
        is_recent = self._clock.mono_ns() - event.mono_ns < self._within_ns
        return event if is_recent else None
