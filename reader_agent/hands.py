"""What every desk of a station does its work with, and the two questions that all of them ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from reader_agent.journal import NewEvent
from reader_agent.mirror import Mirror
from reader_agent.recorder import Recorder
from reader_agent.shift import Shift
from reader_agent.station_db import Transaction
from reader_agent.unfinished import Unfinished
from schemas.district import Person
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit


@dataclass(frozen=True, slots=True)
class Hands:
    """The station at the place `here`. `on_change` draws the screens anew, and is called without
    the lock."""

    mirror: Mirror
    recorder: Recorder
    shift: Shift
    unfinished: Unfinished
    lock: threading.RLock
    on_change: Callable[[], None]
    here: str
    now: Callable[[], datetime]

    @contextmanager
    def acting(self) -> Iterator[Person]:
        """The lock and the actor, for what a person does; the screens are drawn anew after it.
        Refusal `not_signed_in`."""
        with self.lock:
            yield self.actor()
        self.on_change()

    @contextmanager
    def supervising(self) -> Iterator[Person]:
        """The same for what only a supervisor may do. Refusal `not_signed_in`, `not_allowed`."""
        with self.lock:
            yield self.shift.supervisor()
        self.on_change()

    def actor(self) -> Person:
        """Who acts, and does so now. Refusal `not_signed_in`."""
        person = self.shift.actor()
        if person is None:
            raise Refusal("not_signed_in")
        self.shift.touch()
        return person

    def visit(self, visit_id: str) -> Visit:
        """One that is known here. Refusal `unknown_visit`."""
        visit = self.mirror.visit(visit_id)
        if visit is None:
            raise Refusal("unknown_visit")
        return visit

    def record(
        self,
        new: NewEvent,
        actor_id: str | None,
        also: Callable[[Transaction, Event], None] | None = None,
    ) -> Event:
        """See `Recorder.record`."""
        return self.recorder.record(lambda _work: new, actor_id, also)
