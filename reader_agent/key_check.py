"""The key scrub: somebody taps every key that hangs here, and the screen says what is not right.

What is tapped is kept until the check is finished, so that nobody begins anew after a power cut.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from reader_agent.presence import Arrival
from reader_agent.station_db import Transaction
from reader_agent.tap_outcome import TapOutcome
from schemas import events, states
from schemas.district import KEY_TAG
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit

SCREEN: Final = "keys_check"
SAID: Final = {
    "tap.not_a_key": ("label",),
    "tap.checked": ("label", "count"),
    "tap.checked_odd": ("label", "count"),
}
"""Every catalog key of a tap during a check, with the names of its values."""
_DOC, _LAST = "key_check", "last_key_check"


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A key in the result. `visit_id` and `code` are None where no car belongs to it; `where` is
    the place or the person that should have it."""

    label: str
    visit_id: str | None
    code: str | None
    hook: int | None
    where: str | None


@dataclass(frozen=True, slots=True)
class KeyCheckState:
    """How far it is: `found` of `expected`; what is missing, of no car, or of another place."""

    expected: int
    found: int
    missing: tuple[CheckedKey, ...]
    extra: tuple[CheckedKey, ...]
    misplaced: tuple[CheckedKey, ...]

    @property
    def is_clean(self) -> bool:
        """Whether every key is where it should be."""
        return not (self.missing or self.extra or self.misplaced)


class KeyCheck:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._mirror = hands.mirror
        self._unfinished = hands.unfinished

    def begin(self) -> None:
        """Begin, or go on with what was begun. Refusal `not_signed_in`, and what storage gives."""
        with self._hands.acting():
            if self._unfinished.get(_DOC) is None:
                self._unfinished.put(_DOC, {"tags": []})

    def drop(self) -> None:
        """Forget what was tapped."""
        with self._hands.lock:
            self._unfinished.drop(_DOC)
        self._hands.on_change()

    def state(self) -> KeyCheckState | None:
        """How far it is; None while no check is under way."""
        with self._hands.lock:
            doc = self._unfinished.get(_DOC)
            return None if doc is None else self._state(doc["tags"])

    def last(self) -> dict[str, Any] | None:
        """When the last check was finished (`at`), how many keys were found, and the `CheckedKey`s,
        as dicts, that were missing, extra and misplaced."""
        with self._hands.lock:
            return self._unfinished.get(_LAST)

    def wants(self, arrival: Arrival, screen: str) -> bool:
        """Whether a tap is one more key of the check, and nothing else."""
        if screen != SCREEN or self._unfinished.get(_DOC) is None:
            return False
        return arrival.confirmed and self._mirror.roster.badge_owner(arrival.tag) is None

    def take(self, arrival: Arrival) -> TapOutcome:
        """One key was tapped. Call it under the lock, where `wants` said so."""
        roster, doc = self._mirror.roster, self._unfinished.get(_DOC)
        assert doc is not None
        if self._hands.shift.actor() is None:
            return TapOutcome("warn", "tap.badge_first")
        self._hands.shift.touch()
        tag = roster.tags.get(arrival.tag)
        if tag is not None and tag.kind != KEY_TAG:
            return TapOutcome("warn", "tap.not_a_key", {"label": tag.label})
        tags = list(dict.fromkeys([*doc["tags"], arrival.tag]))
        try:
            self._unfinished.put(_DOC, {"tags": tags})
        except Refusal as refusal:
            return TapOutcome("error", f"problem.{refusal.code}")
        visit = self._visit_of(arrival.tag)
        is_right = visit is not None and self._belongs(visit)
        values: dict[str, str | int] = {"label": roster.label(arrival.tag), "count": len(tags)}
        if is_right:
            return TapOutcome("ok", "tap.checked", values, SCREEN)
        return TapOutcome("warn", "tap.checked_odd", values, SCREEN)

    def finish(self) -> KeyCheckState:
        """The result, as an event. Refusal `not_signed_in`, `wrong_state` where no check is under
        way, and what storage gives."""
        with self._hands.acting() as actor:
            doc = self._unfinished.get(_DOC)
            if doc is None:
                raise Refusal("wrong_state")
            tags = doc["tags"]
            state = self._state(tags)
            sorted_out = self._sort_out(tags)
            new = NewEvent(events.KEYS_CHECKED, data={"found": state.found, **sorted_out})
            last = {
                "at": self._hands.now().isoformat(),
                "found": state.found,
                **{
                    name: [asdict(self._key(tag)) for tag in listed]
                    for name, listed in sorted_out.items()
                },
            }

            def also(work: Transaction, _event: Event) -> None:
                self._unfinished.drop(_DOC, work)
                self._unfinished.put(_LAST, last, work)

            self._hands.record(new, actor.id, also)
        return state

    def _sort_out(self, tapped: list[str]) -> dict[str, list[str]]:
        here = {visit.key_tag for visit in self._mirror.visits() if self._belongs(visit)}
        others = [tag for tag in tapped if tag not in here]
        return {
            "missing": sorted(here - set(tapped)),
            "extra": [tag for tag in others if self._visit_of(tag) is None],
            "misplaced": [tag for tag in others if self._visit_of(tag) is not None],
        }

    def _state(self, tapped: list[str]) -> KeyCheckState:
        sorted_out = self._sort_out(tapped)
        expected = sum(self._belongs(visit) for visit in self._mirror.visits())
        keys = {
            name: tuple(sorted(map(self._key, tags), key=lambda key: (key.hook or 0, key.label)))
            for name, tags in sorted_out.items()
        }
        return KeyCheckState(
            expected,
            expected - len(keys["missing"]),
            keys["missing"],
            keys["extra"],
            keys["misplaced"],
        )

    def _key(self, tag: str) -> CheckedKey:
        roster, visit = self._mirror.roster, self._visit_of(tag)
        if visit is None:
            return CheckedKey(roster.label(tag), None, None, None, None)
        holder = visit.key_holder
        name = None
        if holder.id is not None:
            is_hook = holder.kind == states.HOOK
            name = roster.place_name(holder.id) if is_hook else roster.person_name(holder.id)
        return CheckedKey(roster.label(tag), visit.id, visit.code, holder.hook, name)

    def _visit_of(self, tag: str) -> Visit | None:
        return next((v for v in self._mirror.with_tag(tag) if v.key_tag == tag), None)

    def _belongs(self, visit: Visit) -> bool:
        holder = visit.key_holder
        return holder.kind == states.HOOK and holder.id == self._hands.here
