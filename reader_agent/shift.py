"""Who works at this station, and whose hands are on it now."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final

from reader_agent.clock import Clock
from reader_agent.journal import NewEvent
from reader_agent.recorder import Recorder
from reader_agent.roster import Roster
from reader_agent.station_db import StationDB, Transaction
from reader_agent.unfinished import Unfinished
from schemas import events
from schemas.district import MANAGER, SUPERVISOR, Person
from schemas.events import Event
from schemas.problems import Refusal

_BREAKS: Final = "breaks"


def may_supervise(person: Person | None) -> bool:
    """Whether somebody may enrol tags and mark them lost."""
    return person is not None and not {SUPERVISOR, MANAGER}.isdisjoint(person.roles)


class Shift:
    """The actor is the last person whose badge was read, and is forgotten after `idle_s`
    without a touch. Being on shift lasts from the first badge tap to signing off; a break lasts
    from saying so to the next badge tap."""

    def __init__(
        self,
        db: StationDB,
        recorder: Recorder,
        roster: Roster,
        clock: Clock,
        *,
        idle_s: int,
        unfinished: Unfinished,
    ) -> None:
        self._recorder = recorder
        self._roster = roster
        self._clock = clock
        self._idle_ns = idle_s * 1_000_000_000
        self._actor_id: str | None = None
        self._touched_ns = 0
        self._on_shift = {row["person_id"] for row in db.rows("SELECT person_id FROM on_shift")}
        self._unfinished = unfinished

    @property
    def on_shift(self) -> Collection[str]:
        """The ids of those who began a shift here and have not ended it."""
        return frozenset(self._on_shift)

    @property
    def on_break(self) -> Collection[str]:
        """The ids of those of them who are on a break."""
        return frozenset(self._breaks()) & self._on_shift

    def is_at_work(self, person_id: str) -> bool:
        """Whether somebody is on shift here, and not on a break."""
        return person_id in self._on_shift and person_id not in self._breaks()

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
        """Make `person` the actor; the event if this began a shift or ended a break. Raises
        `Refusal`."""
        event = None
        if person.id not in self._on_shift:
            event = self._record(events.SHIFT_SIGNED_ON, person.id)
            self._on_shift.add(person.id)
        elif person.id in self._breaks():
            event = self._record(events.SHIFT_RESUMED, person.id)
        self._actor_id = person.id
        self._touched_ns = self._clock.mono_ns()
        return event

    def pause(self) -> None:
        """The actor takes a break, and leaves the screen. Refusal `not_signed_in`, and what
        storage gives."""
        person = self.actor()
        if person is None:
            raise Refusal("not_signed_in")
        self._record(events.SHIFT_PAUSED, person.id)
        self._actor_id = None

    def lock(self) -> None:
        """The actor leaves the screen; the shift goes on."""
        self._actor_id = None

    def sign_off(self) -> None:
        """End the actor's shift; nothing happens without an actor. Raises `Refusal`."""
        person = self.actor()
        if person is None:
            return
        if person.id in self._on_shift:
            self.end(person.id)
        self._actor_id = None

    def end(self, person_id: str) -> None:
        """End the shift of somebody who is on one. Raises `Refusal`."""
        self._record(events.SHIFT_SIGNED_OFF, person_id)
        self._on_shift.discard(person_id)
        if self._actor_id == person_id:
            self._actor_id = None

    def _record(self, kind: str, person_id: str) -> Event:
        """The event and what it says of the person, in one transaction."""
        return self._recorder.record(
            lambda _work: NewEvent(kind), person_id, partial(self._keep, kind, person_id)
        )

    def _keep(self, kind: str, person_id: str, work: Transaction, _event: Event) -> None:
        if kind == events.SHIFT_SIGNED_ON:
            _put(work, person_id)
        elif kind == events.SHIFT_SIGNED_OFF:
            _remove(work, person_id)
        breaks = [one for one in self._breaks() if one != person_id]
        if kind == events.SHIFT_PAUSED:
            breaks.append(person_id)
        if breaks != self._breaks():
            self._unfinished.put(_BREAKS, {"people": breaks}, work)

    def _breaks(self) -> list[str]:
        doc = self._unfinished.get(_BREAKS)
        return list(doc["people"]) if doc else []


def _put(work: Transaction, person_id: str) -> None:
    work.execute("INSERT OR REPLACE INTO on_shift VALUES (?)", (person_id,))


def _remove(work: Transaction, person_id: str) -> None:
    work.execute("DELETE FROM on_shift WHERE person_id = ?", (person_id,))
