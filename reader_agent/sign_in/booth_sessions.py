"""Who has shown badge and PIN at this station lately, so that a badge alone is enough again.

Kept in memory only: after a restart everybody types once more. It gives nothing at another station.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.clock import Clock
from reader_agent.roster import Roster


@dataclass(slots=True)
class _BoothSession:
    touched_ns: int
    badge: str | None


class BoothSessions:
    """By person. One ends `idle_s` after the last touch, with the shift, and when its badge is no
    longer that person's. `asks_pin` false: there are none, and a badge is always enough."""

    def __init__(self, roster: Roster, clock: Clock, *, asks_pin: bool, idle_s: int) -> None:
        self.asks_pin = asks_pin
        self._roster = roster
        self._clock = clock
        self._idle_ns = idle_s * 1_000_000_000
        self._open: dict[str, _BoothSession] = {}

    def begin(self, person_id: str, badge: str | None) -> None:
        """The person is who the badge says, or the name that was chosen where there was none."""
        self._open[person_id] = _BoothSession(self._clock.mono_ns(), badge)

    def is_open(self, person_id: str) -> bool:
        """Whether the person's badge is enough now."""
        if not self.asks_pin:
            return True
        found = self._open.get(person_id)
        if found is None:
            return False
        is_idle = self._clock.mono_ns() - found.touched_ns >= self._idle_ns
        if is_idle or not self._is_theirs(person_id, found.badge):
            self.end(person_id)
            return False
        return True

    def touch(self, person_id: str) -> None:
        """The person does something here."""
        found = self._open.get(person_id)
        if found is not None:
            found.touched_ns = self._clock.mono_ns()

    def end(self, person_id: str) -> None:
        """From now on the PIN is asked for again."""
        self._open.pop(person_id, None)

    def _is_theirs(self, person_id: str, badge: str | None) -> bool:
        """Without a badge the session is the name's, which has to be active all the same."""
        person = self._roster.people.get(person_id)
        if person is None or not person.is_active:
            return False
        owner = person if badge is None else self._roster.badge_owner(badge)
        return owner is not None and owner.id == person_id
