"""Badge and six digits: who may use this station, and for how long.

A badge opens the keypad of its owner, and the right digits sign them on; from then on, for as long
as their session lasts here, the badge alone does. Whoever has no badge at hand, or a reader that
does not read, chooses their name. A PIN that was given is changed when it is first used. All of it
works without the cloud.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from reader_agent.clock import Clock
from reader_agent.config import Config, Limits
from reader_agent.mirror import Mirror
from reader_agent.roster import Roster
from reader_agent.shift import BY_BADGE_AND_PIN, BY_PIN, Shift
from reader_agent.sign_in.pin_box import PinBox
from reader_agent.sign_in.pin_rows import PinChange, PinRows
from reader_agent.sign_in.pin_tries import PinTries
from reader_agent.station_db import StationDB, Transaction
from schemas.district import MANAGER, Person
from schemas.ids import uuid7
from schemas.problems import Refusal
from schemas.staff_pin import REASONS, PinCost, hash_pin, is_pin, is_pin_of, is_weak, random_pin

_NS: Final = 1_000_000_000
_Screen = tuple[str, str | None]
"""A screen of the station and the visit that it shows."""


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Who is at the keypad, by which badge if any, since when; `back`: the screen before."""

    person_id: str
    badge: str | None
    at_ns: int
    back: _Screen = ("queue", None)


class Shown(Protocol):
    """What is on the touchscreen."""

    @property
    def screen(self) -> str: ...
    @property
    def visit_id(self) -> str | None: ...


class Pins:
    """Takes the station's lock itself, but for `ask` and `tell`; `on_change` is called without
    it. A guess takes its time outside of the lock: nobody's tap waits for it."""

    def __init__(
        self,
        db: StationDB,
        rows: PinRows,
        roster: Roster,
        shift: Shift,
        clock: Clock,
        lock: threading.RLock,
        on_change: Callable[[], None],
        limits: Limits,
        now: Callable[[], datetime],
    ) -> None:
        self.rows = rows
        self._db = db
        self._roster = roster
        self._shift = shift
        self._clock = clock
        self._lock = lock
        self._on_change = on_change
        self._now = now
        self._tries = PinTries(db, clock, limits)
        self._cost = PinCost(limits.pin_memory_kib, limits.pin_passes, limits.pin_lanes)
        self._wait_ns = limits.pin_wait_s * _NS
        self._guessing = threading.Lock()
        self._asked: _Visitor | None = None
        self._proven: _Visitor | None = None

    def people(self) -> list[Person]:
        """Who has a PIN and works here, by name."""
        with self._lock:
            found = [self._roster.people.get(person_id) for person_id in self.rows.having()]
        active = [person for person in found if person is not None and person.is_active]
        return sorted(active, key=lambda person: person.name)

    def has_pin(self, person_id: str) -> bool:
        """Whether somebody has one."""
        pin = self.rows.get(person_id)
        return pin is not None and pin.verifier is not None

    def ask(self, person_id: str, badge: str, shown: Shown) -> None:
        """A badge was read: its owner is asked for the PIN. Call it under the lock."""
        before = self._recent(self._asked)
        is_again = before is not None and shown.screen == "unlock"
        back = before.back if before is not None and is_again else (shown.screen, shown.visit_id)
        self._asked = _Visitor(person_id, badge, self._clock.mono_ns(), back)

    def asked(self) -> tuple[Person, _Screen] | None:
        """Whose badge was read last, and the screen that was open then; None after a while."""
        with self._lock:
            visitor = self._recent(self._asked)
            person = self._roster.people.get(visitor.person_id) if visitor else None
        return (person, visitor.back) if visitor is not None and person is not None else None

    def open(self, person_id: str, pin: str) -> bool:
        """Sign somebody on; False where the PIN was given to begin with, and they have to
        `choose` first. Refusal `wrong_pin` with how many tries are `left`, `pin_locked`,
        `pin_blocked`, `unknown_person`, and what storage gives."""
        person = self._prove(person_id, pin)
        with self._lock:
            asked = self._recent(self._asked)
            is_theirs = asked is not None and asked.person_id == person_id
            badge = asked.badge if asked is not None and is_theirs else None
            visitor = _Visitor(person_id, badge, self._clock.mono_ns())
            known = self.rows.get(person_id)
            if known is not None and known.is_temporary:
                self._proven = visitor
                return False
            self._sign_on(person, visitor)
        self._on_change()
        return True

    def prove(self, pin: str) -> None:
        """The actor shows the PIN that is to be changed. Refusals as for `open`, and
        `not_signed_in`."""
        with self._lock:
            actor = self._actor()
        self._prove(actor.id, pin)
        with self._lock:
            self._proven = _Visitor(actor.id, None, self._clock.mono_ns())

    def chooser(self) -> Person | None:
        """Who may `choose` now: whoever has shown the present PIN, and an actor without one."""
        with self._lock:
            return self._chooser()

    def choose(self, pin: str) -> Person:
        """The chooser's own PIN from now on, who is signed on if nobody is. Refusal `bad_pin`
        for one that is too plain or the one of before, `not_signed_in`, and what storage
        gives."""
        person = self.chooser()
        if person is None:
            raise Refusal("not_signed_in")
        known = self.rows.get(person.id)
        if not is_pin(pin) or is_weak(pin) or self._is_same(known.verifier if known else None, pin):
            raise Refusal("bad_pin")
        verifier = self._hash(pin)
        with self._lock:
            if self._chooser() != person:
                raise Refusal("not_signed_in")
            self._change(person.id, verifier, by=person.id, reason=None)
            visitor, self._proven = self._proven, None
            if self._shift.actor() is None and visitor is not None:
                self._sign_on(person, visitor)
            self._shift.touch()
        self._on_change()
        return person

    def give(self, person_id: str, reason: str) -> str:
        """A PIN to begin with, made here, for somebody who has none or forgot it: by a
        supervisor, and to a manager by a manager. Refusal `not_allowed`, `not_signed_in`,
        `unknown_person`, `reason_needed`, and what storage gives."""
        if reason not in REASONS:
            raise Refusal("reason_needed")
        pin = random_pin()
        verifier = self._hash(pin)
        with self._lock:
            giver = self._shift.supervisor()
            person = self._roster.people.get(person_id)
            if person is None or not person.is_active:
                raise Refusal("unknown_person")
            if MANAGER in person.roles and MANAGER not in giver.roles:
                raise Refusal("not_allowed")
            self._change(person.id, verifier, by=giver.id, reason=reason)
        self._on_change()
        return pin

    def tell(self, work: Transaction, person_id: str, body: object) -> None:
        """What the cloud says of somebody's PIN. Call it under the lock, in the mirror's
        transaction."""
        if self.rows.tell(work, person_id, body):
            work.after_commit(lambda: self._shift.end_session(person_id))

    def was_told(self, change: PinChange, since: str | None) -> None:
        """See `PinRows.was_told`. Refusal as storage gives it."""
        with self._lock, self._db.transaction() as work:
            self.rows.was_told(work, change, since)

    def _prove(self, person_id: str, pin: str) -> Person:
        with self._lock:
            person, known = self._roster.people.get(person_id), self.rows.get(person_id)
            if person is None or not person.is_active or known is None or known.verifier is None:
                raise Refusal("unknown_person")
            if known.is_locked:
                raise Refusal("pin_blocked")
            self._tries.take(person_id, known.mark)
        with self._guessing:
            is_right = is_pin_of(known.verifier, pin)
        with self._lock:
            if is_right:
                self._tries.forgive(person_id)
                return person
            refusal = self._tries.was_wrong(person_id, known.mark)
            if refusal.code == "pin_locked":
                self._shift.note_locked(person_id, int(refusal.context["seconds"]))
        self._on_change()
        raise refusal

    def _change(self, person_id: str, verifier: str, *, by: str, reason: str | None) -> None:
        now = self._now()
        change = PinChange(
            uuid7(now), person_id, verifier, by != person_id, by, reason, now.isoformat()
        )
        with self._db.transaction() as work:
            self.rows.change(work, change)

    def _sign_on(self, person: Person, visitor: _Visitor) -> None:
        proof = BY_PIN if visitor.badge is None else BY_BADGE_AND_PIN
        self._shift.sign_on(person, proof, visitor.badge)
        self._asked = None

    def _actor(self) -> Person:
        actor = self._shift.actor()
        if actor is None:
            raise Refusal("not_signed_in")
        self._shift.touch()
        return actor

    def _chooser(self) -> Person | None:
        actor, proven = self._shift.actor(), self._recent(self._proven)
        if actor is not None and not self.has_pin(actor.id):
            return actor
        if proven is None or (actor is not None and actor.id != proven.person_id):
            return None
        person = self._roster.people.get(proven.person_id)
        return person if person is not None and person.is_active else None

    def _recent(self, visitor: _Visitor | None) -> _Visitor | None:
        """Nobody is left at the keypad after a while."""
        is_here = visitor and self._clock.mono_ns() - visitor.at_ns < self._wait_ns
        return visitor if is_here else None

    def _is_same(self, verifier: str | None, pin: str) -> bool:
        with self._guessing:
            return verifier is not None and is_pin_of(verifier, pin)

    def _hash(self, pin: str) -> str:
        with self._guessing:
            return hash_pin(pin, self._cost)


def open_pins(
    config: Config,
    db: StationDB,
    mirror: Mirror,
    shift: Shift,
    clock: Clock,
    lock: threading.RLock,
    on_change: Callable[[], None],
    now: Callable[[], datetime],
) -> Pins:
    """The PINs of a station, which hear from its mirror. Raises `OSError` for a key file that
    cannot be read."""
    rows = PinRows(db, PinBox(config.data_dir, config.pin_key_file))
    pins = Pins(db, rows, mirror.roster, shift, clock, lock, on_change, config.limits, now)
    mirror.hear_pins(pins.tell, is_damaged=rows.is_damaged)
    return pins
