"""What is done about drivers: those whom a ready car waits for, and those who wait for a car.

A car that stands ready blocks the kerb, so there is a ladder: its driver is called, is called
again, and then the car goes back to the lot. A driver whose car comes later than was promised is
told so, with a reason; nobody's request is ever turned down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reader_agent.config import Limits
from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from schemas import events, states
from schemas.district import Person
from schemas.problems import Refusal
from schemas.visit import Visit

CALL: Final = "call"
CALL_AGAIN: Final = "call_again"
REPARK: Final = "repark"
RUNGS: Final = (CALL, CALL_AGAIN, REPARK)
DELAY_MINUTES: Final = (5, 10, 15, 30)


@dataclass(frozen=True, slots=True)
class Rung:
    """What comes next for a car that stands ready (of `RUNGS`), from when on."""

    name: str
    due_at: datetime


def rung_of(visit: Visit, limits: Limits) -> Rung | None:
    """The next rung of a visit; None where no car waits for a driver who has asked for it."""
    if visit.conflicts or visit.car != states.READY or visit.request is None:
        return None
    since = visit.called_at or visit.ready_at
    if since is None:
        return None
    waits = (limits.call_after_s, limits.call_again_after_s, limits.repark_after_s)
    step = min(visit.calls, len(RUNGS) - 1)
    return Rung(RUNGS[step], since + timedelta(seconds=waits[step]))


class Waiting:
    """Takes the station's lock itself.

    `is_online`: whether a message would go out now; without it a person has to call.
    """

    def __init__(self, hands: Hands, limits: Limits, is_online: Callable[[], bool]) -> None:
        self._hands = hands
        self._mirror = hands.mirror
        self._limits = limits
        self._is_online = is_online

    def call(self, visit_id: str) -> str:
        """Somebody calls the driver of a car that stands ready here; the ticket's code.

        Refusal `unknown_visit`, `not_signed_in`, `not_ready`, `wrong_place`, and what storage
        gives.
        """
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            if rung_of(visit, self._limits) is None:
                raise Refusal("not_ready")
            if visit.place_id != self._hands.here:
                raise Refusal("wrong_place")
            self._record_call(visit, actor)
        return visit.code

    def delay(self, visit_id: str, minutes: int, reason: str) -> str:
        """The car comes so many minutes later than was promised; the ticket's code.

        Refusal `unknown_visit`, `not_signed_in`, `bad_choice`, `reason_needed`, `no_request`,
        `wrong_state` for a car that is there already, and what storage gives.
        """
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            if minutes not in DELAY_MINUTES:
                raise Refusal("bad_choice")
            if reason not in states.DELAY_REASONS:
                raise Refusal("reason_needed")
            if visit.request is None:
                raise Refusal("no_request")
            if visit.car in (states.READY, states.HANDED_OVER):
                raise Refusal("wrong_state", state=visit.state)
            data = {"minutes": minutes, "reason": reason}
            new = NewEvent(events.VISIT_DELAYED, visit.id, visit.step + 1, data)
            self._hands.record(new, actor.id)
        return visit.code

    def tick(self) -> None:
        """Call those who are due, where a message tells them. Never raises: what cannot be
        recorded now is still due later."""
        if not self._is_online():
            return
        with self._hands.lock:
            due = [visit for visit in self._mirror.visits() if self._is_due(visit)]
            try:
                for visit in due:
                    self._record_call(visit, None)
            except Refusal:
                return
        if due:
            self._hands.on_change()

    def _is_due(self, visit: Visit) -> bool:
        if visit.place_id != self._hands.here or not self._mirror.has_phone(visit.id):
            return False
        rung = rung_of(visit, self._limits)
        return rung is not None and rung.name != REPARK and rung.due_at <= self._hands.now()

    def _record_call(self, visit: Visit, actor: Person | None) -> None:
        data = {"number": visit.calls + 1}
        new = NewEvent(events.VISIT_CALLED, visit.id, visit.step + 1, data)
        self._hands.record(new, actor.id if actor else None)
