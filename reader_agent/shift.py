"""Who works at this station, and whose hands are on it now."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final

from reader_agent.clock import Clock
from reader_agent.journal import NewEvent
from reader_agent.recorder import Recorder
from reader_agent.roster import Roster
from reader_agent.sign_in.booth_sessions import BoothSessions
from reader_agent.station_db import StationDB, Transaction
from reader_agent.unfinished import Unfinished
from schemas import events
from schemas.district import MANAGER, SUPERVISOR, Person
from schemas.events import Event
from schemas.problems import Refusal

_BREAKS: Final = "breaks"

BY_BADGE: Final = "badge"
BY_PIN: Final = "pin"
BY_BADGE_AND_PIN: Final = "badge_pin"
"""What somebody has shown to sign on."""


def may_supervise(person: Person | None) -> bool:
    """Whether somebody may enrol tags and mark them lost."""
    return person is not None and not {SUPERVISOR, MANAGER}.isdisjoint(person.roles)


class Shift:
    """The actor is the last person who signed on, and is forgotten after `idle_s` without a
    touch. Being on shift lasts from the first sign-on to signing off; a break lasts from saying so
    to the next sign-on. `sessions`: for whom a badge alone is enough to sign on."""

    def __init__(
        self,
        db: StationDB,
        recorder: Recorder,
        roster: Roster,
        clock: Clock,
        sessions: BoothSessions,
        *,
        idle_s: int,
        unfinished: Unfinished,
    ) -> None:
        self._sessions = sessions
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
        """Who acts; None when nobody has signed on lately."""
        if self._actor_id is None:
            return None
        is_idle = self._clock.mono_ns() - self._touched_ns >= self._idle_ns
        if is_idle or not self._sessions.is_open(self._actor_id):
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
        actor = self.actor()
        if actor is not None:
            self._touched_ns = self._clock.mono_ns()
            self._sessions.touch(actor.id)

    def is_badge_enough(self, person_id: str) -> bool:
        """Whether somebody has no PIN to type now."""
        return self._sessions.is_open(person_id)

    def end_session(self, person_id: str) -> None:
        """Somebody's PIN is another one or opens nothing: it is asked for again."""
        self._sessions.end(person_id)

    def sign_on(
        self, person: Person, proof: str = BY_BADGE, badge: str | None = None
    ) -> Event | None:
        """Make `person` the actor; the event if this began a shift or ended a break. `proof`: what
        was shown, `BY_BADGE` where that `is_badge_enough`. Raises `Refusal`."""
        event = None
        if person.id not in self._on_shift:
            event = self._record(events.SHIFT_SIGNED_ON, person.id, proof)
            self._on_shift.add(person.id)
        elif person.id in self._breaks():
            event = self._record(events.SHIFT_RESUMED, person.id)
        if proof != BY_BADGE:
            self._sessions.begin(person.id, badge)
        self._sessions.touch(person.id)
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

    def note_locked(self, person_id: str, locked_s: int) -> None:
        """Tell the cloud that no PIN of somebody's is taken here for so long. Raises `Refusal`."""
        data = {"person_id": person_id, "locked_s": locked_s}
        self._recorder.record(lambda _work: NewEvent(events.PIN_LOCKED, data=data), None)

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
        self._sessions.end(person_id)
        if self._actor_id == person_id:
            self._actor_id = None

    def _record(self, kind: str, person_id: str, proof: str = BY_BADGE) -> Event:
        """The event and what it says of the person, in one transaction."""
        new = NewEvent(kind, data={} if proof == BY_BADGE else {"proof": proof})
        return self._recorder.record(
            lambda _work: new, person_id, partial(self._keep, kind, person_id)
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
