"""Closing a place at the end of a shift, in four steps that cannot be jumped over.

The keys are checked; every car that stays is left to the next shift or its key goes into a sealed
bag with a number; the tags in the box are counted; and then it is said, with all of it, in one
event. Nothing closes silently: cars that are being driven or are in dispute keep a place open.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reader_agent.journal import NewEvent
from reader_agent.key_check import KeyCheck
from reader_agent.mirror import Mirror
from reader_agent.recorder import Recorder
from reader_agent.shift import Shift
from reader_agent.station_db import Transaction
from reader_agent.unfinished import Unfinished
from schemas import events, states
from schemas.district import CLAIM_TAG, KEY_TAG, TAG_ACTIVE
from schemas.event_data import LISTED_MAX
from schemas.events import Event
from schemas.problems import Refusal
from schemas.tag_ids import is_hint
from schemas.visit import Visit

KEYS: Final = "keys"
CARS: Final = "cars"
TAGS: Final = "tags"
SEAL: Final = "seal"
STEPS: Final = (KEYS, CARS, TAGS, SEAL)
COUNTED: Final = (KEY_TAG, CLAIM_TAG)
_DOC, _BAG = "closing", "last_bag"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A car that is still here. `bag`: the number of the sealed bag with its key."""

    visit_id: str
    code: str
    plate: str
    label: str
    hook: int | None
    stall: str | None
    bag: str | None
    has_phone: bool


@dataclass(frozen=True, slots=True)
class ClosingState:
    """How far it is: `step` of `STEPS` is what is to be done now. `moving` and `held`: tickets
    that keep the place open. `next_bag`: the number on the next bag of the roll."""

    step: str
    keys: Mapping[str, Any] | None
    leftovers: tuple[Leftover, ...]
    moving: tuple[str, ...]
    held: tuple[str, ...]
    is_carried: bool
    next_bag: int
    expected: Mapping[str, int]
    counted: Mapping[str, int]

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The kinds of tags that nobody has counted yet."""
        return tuple(kind for kind in COUNTED if kind not in self.counted)

    @property
    def loose(self) -> tuple[Leftover, ...]:
        """Those of the cars whose key is in no bag."""
        return tuple(one for one in self.leftovers if one.bag is None)


class Closing:
    """Guarded by the station's lock, which it takes itself. `on_change` is called without it."""

    def __init__(
        self,
        mirror: Mirror,
        recorder: Recorder,
        shift: Shift,
        lock: threading.RLock,
        on_change: Callable[[], None],
        unfinished: Unfinished,
        key_check: KeyCheck,
        *,
        here: str,
        now: Callable[[], datetime],
    ) -> None:
        self._mirror = mirror
        self._recorder = recorder
        self._shift = shift
        self._lock = lock
        self._on_change = on_change
        self._unfinished = unfinished
        self._key_check = key_check
        self._here = here
        self._now = now

    def state(self) -> ClosingState | None:
        """How far it is; None while nobody closes."""
        with self._lock:
            doc = self._unfinished.get(_DOC)
            return None if doc is None else self._state(doc)

    def begin(self) -> None:
        """Begin, or go on with what was begun. Refusal `not_signed_in`, and what storage gives."""
        with self._lock:
            self._actor_id()
            if self._unfinished.get(_DOC) is None:
                doc = {"at": self._now().isoformat(), "is_carried": False, "counted": {}}
                self._unfinished.put(_DOC, doc)
        self._on_change()

    def drop(self) -> None:
        """Go on working; bags that were sealed stay sealed."""
        with self._lock:
            self._unfinished.drop(_DOC)
        self._on_change()

    def seal_bag(self, visit_id: str, bag: int) -> str:
        """The key of a car that nobody came for is in the sealed bag of that number; the ticket's
        code. Refusal `not_signed_in`, `unknown_visit`, `wrong_place`, `bad_choice`, and what
        storage gives."""
        with self._lock:
            actor_id = self._actor_id()
            visit = self._mirror.visit(visit_id)
            if visit is None:
                raise Refusal("unknown_visit")
            if not self._stays_here(visit):
                raise Refusal("wrong_place")
            self._seal([visit], bag, actor_id)
        self._on_change()
        return visit.code

    def seal_all(self, first_bag: int) -> int:
        """The key of each car that is left goes into its own bag, from that number on; how many.
        Refusal `not_signed_in`, `bad_choice`, and what storage gives; then none was recorded."""
        with self._lock:
            actor_id = self._actor_id()
            loose = [visit for visit in self._stay() if visit.bag is None]
            self._seal(loose, first_bag, actor_id)
        self._on_change()
        return len(loose)

    def carry_over(self) -> None:
        """The next shift takes over every car that is left. Refusal as for `begin`."""
        self._change(is_carried=True)

    def count(self, kind: str, number: int) -> None:
        """So many tags of a kind of `COUNTED` lie in the box. Refusal `bad_choice`, `closing_open`
        where nobody closes."""
        if kind not in COUNTED or not 0 <= number <= LISTED_MAX:
            raise Refusal("bad_choice")
        doc = self._unfinished.get(_DOC)
        self._change(counted={**(doc["counted"] if doc else {}), kind: number})

    def close(self) -> int:
        """The shift is closed, and everybody here is signed off; how many cars stay.

        Refusal `not_signed_in`, `closing_open` while a step is not done, and what storage gives.
        """
        with self._lock:
            actor_id = self._actor_id()
            doc = self._unfinished.get(_DOC)
            if doc is None or (state := self._state(doc)).step != SEAL:
                raise Refusal("closing_open")
            data = {
                "carried": [one.visit_id for one in state.leftovers],
                "keys_missing": len(state.keys["missing"]) if state.keys else 0,
                "tags_counted": dict(state.counted),
                "tags_expected": dict(state.expected),
            }
            new = NewEvent(events.PLACE_CLOSED, data=data)

            def also(work: Transaction, _event: Event) -> None:
                self._unfinished.drop(_DOC, work)

            self._recorder.record(lambda _work: new, actor_id, also)
            for person_id in sorted(self._shift.on_shift):
                self._shift.end(person_id)
        self._on_change()
        return len(state.leftovers)

    def _change(self, **fields: object) -> None:
        with self._lock:
            self._actor_id()
            doc = self._unfinished.get(_DOC)
            if doc is None:
                raise Refusal("closing_open")
            self._unfinished.put(_DOC, {**doc, **fields})
        self._on_change()

    def _seal(self, visits: list[Visit], first_bag: int, actor_id: str) -> None:
        if not 1 <= first_bag <= 10**9 or not visits:
            raise Refusal("bad_choice")
        sealed = [
            NewEvent(events.VISIT_UNCLAIMED, visit.id, visit.step + 1, {"bag": str(bag)})
            for bag, visit in enumerate(visits, first_bag)
        ]

        def also(work: Transaction, _event: Event) -> None:
            for new in sealed[1:]:
                self._recorder.add(work, new, actor_id)
            self._unfinished.put(_BAG, {"number": first_bag + len(visits) - 1}, work)

        self._recorder.record(lambda _work: sealed[0], actor_id, also)

    def _state(self, doc: Mapping[str, Any]) -> ClosingState:
        last = self._key_check.last()
        keys = last if last is not None and last["at"] >= doc["at"] else None
        leftovers = tuple(map(self._leftover, self._stay()))
        moving = tuple(sorted(v.code for v in self._mirror.visits() if self._is_moving(v)))
        held = tuple(sorted(v.code for v in self._mirror.visits() if self._is_held_here(v)))
        is_settled = doc["is_carried"] or all(one.bag is not None for one in leftovers)
        if keys is None:
            step = KEYS
        elif moving or held or not is_settled:
            step = CARS
        else:
            step = TAGS if set(COUNTED) - doc["counted"].keys() else SEAL
        last_bag = self._unfinished.get(_BAG)
        return ClosingState(
            step,
            keys,
            leftovers,
            moving,
            held,
            doc["is_carried"],
            (last_bag["number"] if last_bag else 0) + 1,
            self._expected(),
            doc["counted"],
        )

    def _stay(self) -> list[Visit]:
        visits = [visit for visit in self._mirror.visits() if self._stays_here(visit)]
        return sorted(visits, key=lambda visit: (visit.key_holder.hook or 0, visit.code))

    def _stays_here(self, visit: Visit) -> bool:
        is_at_rest = visit.destination_id is None and not visit.conflicts
        return is_at_rest and visit.place_id == self._here

    def _is_moving(self, visit: Visit) -> bool:
        return visit.destination_id is not None and self._here in (
            visit.place_id,
            visit.destination_id,
        )

    def _is_held_here(self, visit: Visit) -> bool:
        return bool(visit.conflicts) and visit.place_id == self._here

    def _leftover(self, visit: Visit) -> Leftover:
        return Leftover(
            visit_id=visit.id,
            code=visit.code,
            plate=self._mirror.plate(visit.id),
            label=self._mirror.roster.label(visit.key_tag),
            hook=visit.key_holder.hook,
            stall=visit.stall if visit.car == states.PARKED else None,
            bag=visit.bag,
            has_phone=self._mirror.has_phone(visit.id),
        )

    def _expected(self) -> dict[str, int]:
        """How many tags of each kind are on no car, in the whole district: they travel."""
        free = Counter(
            tag.kind
            for tag in self._mirror.roster.tags.values()
            if tag.status == TAG_ACTIVE
            and not is_hint(tag.id)
            and not self._mirror.with_tag(tag.id)
        )
        return {kind: free[kind] for kind in COUNTED}

    def _actor_id(self) -> str:
        actor = self._shift.actor()
        if actor is None:
            raise Refusal("not_signed_in")
        self._shift.touch()
        return actor.id
