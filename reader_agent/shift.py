"""Who works at this station, and whose hands are on it now."""

from __future__ import annotations

from reader_agent.clock import Clock
from reader_agent.journal import NewEvent
from reader_agent.recorder import Recorder
from reader_agent.roster import Roster
from reader_agent.station_db import StationDB, Transaction
from schemas import events
from schemas.district import MANAGER, SUPERVISOR, Person
from schemas.events import Event
from schemas.problems import Refusal


def may_supervise(person: Person | None) -> bool:
    """Whether somebody may enrol tags and mark them lost."""
    return person is not None and not {SUPERVISOR, MANAGER}.isdisjoint(person.roles)


class Shift:
    """The actor is the last person whose badge was read, and is forgotten after `idle_s`
    without a touch. Being on shift lasts from the first badge tap to signing off."""

    def __init__(
        self, db: StationDB, recorder: Recorder, roster: Roster, clock: Clock, *, idle_s: int
    ) -> None:
        self._recorder = recorder
        self._roster = roster
        self._clock = clock
        self._idle_ns = idle_s * 1_000_000_000
        self._actor_id: str | None = None
        self._touched_ns = 0
        self._on_shift = {row["person_id"] for row in db.rows("SELECT person_id FROM on_shift")}

    def actor(self) -> Person | None:
        """Who acts; None when nobody has shown a badge lately."""
        if self._actor_id is None:
            return None
        if self._clock.mono_ns() - self._touched_ns >= self._idle_ns:
            self._actor_id = None
            return None
        person = self._roster.people.get(self._actor_id)
        return person if person is not None and person.is_active else None

    def supervisor(self) -> Person:
        """The actor, who may change what others work with, and does so now. Refusal
        `not_signed_in`, `not_allowed`."""
        person = self.actor()
        if person is None:
            raise Refusal("not_signed_in")
        if not may_supervise(person):
            raise Refusal("not_allowed")
        self.touch()
        return person

    def touch(self) -> None:
        """Somebody does something at the screen: the actor stays."""
        if self.actor() is not None:
            self._touched_ns = self._clock.mono_ns()

    def sign_on(self, person: Person) -> Event | None:
        """Make `person` the actor; the event if this began a shift. Raises `Refusal`."""
        event = None
        if person.id not in self._on_shift:
            event = self._recorder.record(
                lambda _work: NewEvent(events.SHIFT_SIGNED_ON),
                person.id,
                lambda work, _event: _put(work, person.id),
            )
            self._on_shift.add(person.id)
        self._actor_id = person.id
        self._touched_ns = self._clock.mono_ns()
        return event

    def sign_off(self) -> None:
        """End the actor's shift; nothing happens without an actor. Raises `Refusal`."""
        person = self.actor()
        if person is None:
            return
        if person.id in self._on_shift:
            self._recorder.record(
                lambda _work: NewEvent(events.SHIFT_SIGNED_OFF),
                person.id,
                lambda work, _event: _remove(work, person.id),
            )
            self._on_shift.discard(person.id)
        self._actor_id = None


def _put(work: Transaction, person_id: str) -> None:
    work.execute("INSERT OR REPLACE INTO on_shift VALUES (?)", (person_id,))


def _remove(work: Transaction, person_id: str) -> None:
    work.execute("DELETE FROM on_shift WHERE person_id = ?", (person_id,))
