"""Six digits instead of a badge, for a reader that does not read or a badge left at home.

Everybody chooses their own while signed in by badge, at each station anew: it is no event, because
six digits in a journal that is kept for ever could be guessed at leisure. On the card lies only a
slow, salted digest.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from typing import Final

from reader_agent.clock import Clock
from reader_agent.config import Limits
from reader_agent.roster import Roster
from reader_agent.shift import Shift
from reader_agent.station_db import StationDB
from schemas.district import Person
from schemas.problems import Refusal

PIN_LENGTH: Final = 6
_IS_PIN = re.compile(r"[0-9]{6}")
_RUNS: Final = "01234567890", "09876543210"
# 16 MB and about a tenth of a second on a Pi for each guess.
_N, _R, _P = 2**14, 8, 1


class Pins:
    """The `pin` table. Takes the station's lock itself; `on_change` is called without it.

    Wrong ones are counted for the whole station, in memory: to start it again takes longer than
    the lock lasts.
    """

    def __init__(
        self,
        db: StationDB,
        roster: Roster,
        shift: Shift,
        clock: Clock,
        lock: threading.RLock,
        on_change: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._db = db
        self._roster = roster
        self._shift = shift
        self._clock = clock
        self._lock = lock
        self._on_change = on_change
        self._tries = limits.pin_tries
        self._lock_ns = limits.pin_lock_s * 1_000_000_000
        self._wrong = 0
        self._locked_ns: int | None = None

    def people(self) -> list[Person]:
        """Who has a PIN here and still works here, by name."""
        with self._lock:
            rows = self._db.rows("SELECT person_id FROM pin")
            found = [self._roster.people.get(row["person_id"]) for row in rows]
        active = [person for person in found if person is not None and person.is_active]
        return sorted(active, key=lambda person: person.name)

    def choose(self, pin: str) -> None:
        """The actor's own PIN from now on. Refusal `not_signed_in`, `bad_pin`."""
        with self._lock:
            person = self._shift.actor()
            if person is None:
                raise Refusal("not_signed_in")
            self._shift.touch()
            if not _IS_PIN.fullmatch(pin) or len(set(pin)) == 1 or any(pin in run for run in _RUNS):
                raise Refusal("bad_pin")
            salt = secrets.token_bytes(16)
            with self._db.transaction() as work:
                row = (person.id, salt.hex(), _digest(pin, salt))
                work.execute("INSERT OR REPLACE INTO pin VALUES (?, ?, ?)", row)

    def open(self, person_id: str, pin: str) -> Person:
        """Sign somebody on, as their badge would. Refusal `wrong_pin` with how many tries are
        `left`, `pin_locked`, `unknown_person`."""
        with self._lock:
            self._check_lock()
            person = self._roster.people.get(person_id)
            rows = self._db.rows("SELECT salt, digest FROM pin WHERE person_id = ?", (person_id,))
            if person is None or not person.is_active or not rows:
                raise Refusal("unknown_person")
            is_right = _IS_PIN.fullmatch(pin) is not None and hmac.compare_digest(
                _digest(pin, bytes.fromhex(rows[0]["salt"])), rows[0]["digest"]
            )
            if not is_right:
                self._note_wrong()
            self._wrong = 0
            self._shift.sign_on(person)
        self._on_change()
        return person

    def _check_lock(self) -> None:
        if self._locked_ns is None:
            return
        if self._clock.mono_ns() - self._locked_ns < self._lock_ns:
            raise Refusal("pin_locked")
        self._locked_ns = None

    def _note_wrong(self) -> None:
        self._wrong += 1
        if self._wrong >= self._tries:
            self._wrong = 0
            self._locked_ns = self._clock.mono_ns()
            raise Refusal("pin_locked")
        raise Refusal("wrong_pin", left=self._tries - self._wrong)


def _digest(pin: str, salt: bytes) -> str:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_N, r=_R, p=_P).hex()
