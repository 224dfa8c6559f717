"""Keys that come to a lot before any word of their cars.

A car that was received while the line was down is unknown to a lot's mirror, and its key hangs
there all the same. What was seen is recorded at once (`key.seen`). As soon as the visit is known
here the station says of it that it was parked, since then; where that belongs among the other
facts is decided by what they are, not by when each was heard of (`schemas.visit_order`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reader_agent.actions import stall_of
from reader_agent.free_room import FreeRoom
from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from reader_agent.station_db import Transaction
from reader_agent.tap_outcome import TapOutcome
from schemas import events
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit

_DOC: Final = "unknown_keys"


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that hangs here, of a car that nobody here has heard of."""

    tag: str
    label: str
    stall: str | None
    hook: int | None
    person_name: str
    at: datetime


class UnknownKeys:
    """Takes the station's lock itself. What nobody came for within `keep_h` is forgotten here; the
    journal keeps it."""

    def __init__(self, hands: Hands, room: FreeRoom, *, keep_h: int) -> None:
        self._hands = hands
        self._room = room
        self._keep = timedelta(hours=keep_h)

    def rows(self) -> list[UnknownKey]:
        """Those that still wait for their visit, the last one first."""
        roster = self._hands.mirror.roster
        with self._hands.lock:
            rows = [
                UnknownKey(
                    tag,
                    roster.label(tag),
                    seen["stall"],
                    seen["hook"],
                    roster.person_name(seen["actor"]),
                    datetime.fromisoformat(seen["at"]),
                )
                for tag, seen in self._docs().items()
            ]
        return sorted(rows, key=lambda row: row.at, reverse=True)

    def see(self, tag: str) -> TapOutcome:
        """The actor brought this key; the same again is no news. Call it under the lock. Refusal
        `not_signed_in`, and what storage gives."""
        actor, known = self._hands.actor(), self._docs().get(tag)
        event_type = None
        if known is None:
            event_type = events.KEY_SEEN
            stall, hook = self._room.stall(), self._room.hook()
            at = self._hands.now().isoformat()
            known = {"at": at, "actor": actor.id, "hook": hook, "stall": stall}
            self._record(tag, known, actor.id)
        values: dict[str, str | int] = {"label": self._hands.mirror.roster.label(tag)}
        if known["stall"] is not None:
            values["stall"] = known["stall"]
        key = "tap.key_noted" if known["stall"] is None else "tap.key_seen"
        return TapOutcome("warn", key, values, "keys", event_type=event_type)

    def put(self, tag: str, stall: str) -> None:
        """The car of a key that was seen stands in another stall than was proposed. Refusal
        `not_signed_in`, `unknown_tag`, `bad_choice` for a stall too long, and what storage
        gives."""
        with self._hands.acting() as actor:
            known = self._docs().get(tag)
            if known is None:
                raise Refusal("unknown_tag")
            self._record(tag, {**known, "stall": stall_of(stall)}, actor.id)

    def where(self) -> list[tuple[str | None, int | None]]:
        """The stalls and hooks that they take up."""
        return [(seen["stall"], seen["hook"]) for seen in self._docs().values()]

    def forget(self, tag: str) -> None:
        """There is no such key here after all. Refusal `not_signed_in`, and what storage gives."""
        with self._hands.acting():
            self._hands.unfinished.put(_DOC, _without(self._docs(), tag))

    def meet(self) -> None:
        """Say of each visit that is known by now what was seen of its key. Never raises: what
        cannot be recorded now is recorded later."""
        with self._hands.lock:
            told = False
            for tag, seen in list(self._docs().items()):
                try:
                    told |= self._settle(tag, seen)
                except Refusal:
                    break
        if told:
            self._hands.on_change()

    def _settle(self, tag: str, seen: Mapping[str, Any]) -> bool:
        """What becomes of one; True where anything did."""
        at = datetime.fromisoformat(seen["at"])
        visits = [v for v in self._hands.mirror.with_tag(tag) if v.key_tag == tag]
        if len(visits) == 1 and self._is_of(visits[0], at):
            self._park(visits[0], tag, seen)
        elif len(visits) == 1 or self._hands.now() - at > self._keep:
            # Of a car before this one, told otherwise by now, or of none.
            self._hands.unfinished.put(_DOC, _without(self._docs(), tag))
        else:
            return False
        return True

    def _is_of(self, visit: Visit, at: datetime) -> bool:
        is_told = any(
            fact.event.type == events.CAR_PARKED and fact.event.place_id == self._hands.here
            for fact in self._hands.mirror.facts(visit.id)
        )
        return visit.received_at <= at and not is_told

    def _park(self, visit: Visit, tag: str, seen: Mapping[str, Any]) -> None:
        data = {"stall": seen["stall"], "hook": seen["hook"], "seen_at": seen["at"]}
        # All that was known when it was seen is that there is such a car.
        new = NewEvent(events.CAR_PARKED, visit.id, 1, data)

        def also(work: Transaction, _event: Event) -> None:
            self._hands.unfinished.put(_DOC, _without(self._docs(), tag), work)

        self._hands.record(new, seen["actor"], also)

    def _record(self, tag: str, seen: Mapping[str, Any], actor_id: str) -> None:
        data = {"tag": tag, "stall": seen["stall"], "hook": seen["hook"]}

        def also(work: Transaction, _event: Event) -> None:
            self._hands.unfinished.put(_DOC, {**self._docs(), tag: seen}, work)

        self._hands.record(NewEvent(events.KEY_SEEN, data=data), actor_id, also)

    def _docs(self) -> dict[str, Any]:
        return self._hands.unfinished.get(_DOC) or {}


def _without(docs: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {one: seen for one, seen in docs.items() if one != tag}
