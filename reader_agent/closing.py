"""Closing a place at the end of a shift, in four steps that cannot be jumped over.

The keys are checked; every car that stays is left to the next shift or its key goes into a sealed
bag with a number; the tags in the box are counted; and then two people sign for it, in one event.
Whoever is alone says why. Nothing closes silently: cars that are being driven or are in dispute
keep a place open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from reader_agent.key_check import KeyCheck
from reader_agent.presence import Arrival
from reader_agent.shift import may_supervise
from reader_agent.station_db import Transaction
from reader_agent.tag_box import COUNTED, TagBox
from reader_agent.tap_outcome import TapOutcome, refused
from schemas import events, states
from schemas.district import Person
from schemas.event_data import LISTED_MAX
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit

KEYS: Final = "keys"
CARS: Final = "cars"
TAGS: Final = "tags"
SEAL: Final = "seal"
STEPS: Final = (KEYS, CARS, TAGS, SEAL)
SCREEN: Final = "closing"
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
    that keep the place open. `next_bag`: the number on the next bag of the roll. `expected`: how
    many tags should be in the box, of the kinds that were counted before. `signed`: who has signed;
    `may_sign`: whether the actor has not; `needs_second`: a second badge has to; `may_be_alone`:
    the actor may close without one, and says why."""

    step: str
    keys: Mapping[str, Any] | None
    leftovers: tuple[Leftover, ...]
    moving: tuple[str, ...]
    held: tuple[str, ...]
    is_carried: bool
    next_bag: int
    expected: Mapping[str, int]
    counted: Mapping[str, int]
    signed: tuple[str, ...] = ()
    may_sign: bool = True
    needs_second: bool = False
    may_be_alone: bool = False

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The kinds of tags that nobody has counted yet."""
        return tuple(kind for kind in COUNTED if kind not in self.counted)

    @property
    def loose(self) -> tuple[Leftover, ...]:
        """Those of the cars whose key is in no bag."""
        return tuple(one for one in self.leftovers if one.bag is None)


class Closing:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands, key_check: KeyCheck, box: TagBox) -> None:
        self._hands = hands
        self._mirror = hands.mirror
        self._shift = hands.shift
        self._unfinished = hands.unfinished
        self._key_check = key_check
        self._box = box

    def state(self) -> ClosingState | None:
        """How far it is; None while nobody closes."""
        with self._hands.lock:
            doc = self._unfinished.get(_DOC)
            return None if doc is None else self._state(doc)

    def box(self) -> dict[str, int]:
        """How many tags of each kind of `COUNTED` should lie in the box here; empty before the
        first count."""
        with self._hands.lock:
            return self._box.expected()

    def begin(self) -> None:
        """Begin, or go on with what was begun. Refusal `not_signed_in`, and what storage gives."""
        with self._hands.acting():
            if self._unfinished.get(_DOC) is None:
                doc = {"at": self._hands.now().isoformat(), "is_carried": False, "counted": {}}
                self._unfinished.put(_DOC, doc)

    def drop(self) -> None:
        """Go on working; bags that were sealed stay sealed."""
        with self._hands.lock:
            self._unfinished.drop(_DOC)
        self._hands.on_change()

    def seal_bag(self, visit_id: str, bag: int) -> str:
        """The key of a car that nobody came for is in the sealed bag of that number; the ticket's
        code. Refusal `not_signed_in`, `unknown_visit`, `wrong_place`, `bad_choice`, and what
        storage gives."""
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            if not self._stays_here(visit):
                raise Refusal("wrong_place")
            self._seal([visit], bag, actor.id)
        return visit.code

    def seal_all(self, first_bag: int) -> int:
        """The key of each car that is left goes into its own bag, from that number on; how many.
        Refusal `not_signed_in`, `bad_choice`, and what storage gives; then none was recorded."""
        with self._hands.acting() as actor:
            loose = [visit for visit in self._stay() if visit.bag is None]
            self._seal(loose, first_bag, actor.id)
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

    def sign(self, alone: str | None = None) -> int | None:
        """The actor signs for all of it. The place is closed, and everybody here is signed off,
        with the second signature; with the first where nobody else is at work here, or by a
        supervisor, for a reason (`alone`, of `states.ALONE_REASONS`). How many cars stay, or None
        while the second one is missing.

        Refusal `not_signed_in`, `closing_open` while a step is not done, `reason_needed`,
        `second_badge_needed`, and what storage gives.
        """
        with self._hands.acting() as actor:
            return self._sign(actor, alone)

    def wants(self, arrival: Arrival, screen: str) -> bool:
        """Whether a tap is the second signature, and nothing else."""
        doc = self._unfinished.get(_DOC)
        signed = doc.get("signed", []) if doc is not None else []
        person = self._mirror.roster.badge_owner(arrival.tag)
        if person is None or not self._shift.is_badge_enough(person.id):
            # The PIN is asked for, like anywhere else; then they sign by finger.
            return False
        is_second = bool(signed) and person.id not in signed
        return is_second and screen == SCREEN and arrival.confirmed

    def take(self, arrival: Arrival) -> TapOutcome:
        """The second badge. Call it under the lock, where `wants` said so."""
        person = self._mirror.roster.badge_owner(arrival.tag)
        assert person is not None
        try:
            stay = self._sign(person, None)
        except Refusal as refusal:
            return refused(refusal)
        count = {"count": stay or 0}
        return TapOutcome("ok", "done.closed", count, "queue", event_type=events.PLACE_CLOSED)

    def _sign(self, person: Person, alone: str | None) -> int | None:
        doc = self._unfinished.get(_DOC)
        if doc is None or (state := self._state(doc)).step != SEAL:
            raise Refusal("closing_open")
        signed = list(dict.fromkeys([*doc.get("signed", ()), person.id]))
        if len(signed) == 1:
            is_alone = alone is not None
            if is_alone and alone not in states.ALONE_REASONS:
                raise Refusal("reason_needed")
            if is_alone and not self._may_close_alone(person):
                raise Refusal("second_badge_needed")
            if not is_alone and not self._others(signed):
                raise Refusal("reason_needed")
            if not is_alone:
                self._unfinished.put(_DOC, {**doc, "signed": signed})
                return None
        self._close(state, signed, alone if len(signed) == 1 else None)
        return len(state.leftovers)

    def _close(self, state: ClosingState, signed: Sequence[str], alone: str | None) -> None:
        data = {
            "carried": [one.visit_id for one in state.leftovers],
            "keys_missing": len(state.keys["missing"]) if state.keys else 0,
            "tags_counted": dict(state.counted),
            "tags_expected": dict(state.expected),
            "signed": list(signed),
            "alone": alone,
        }

        def also(work: Transaction, event: Event) -> None:
            self._unfinished.drop(_DOC, work)
            self._box.counted(state.counted, event, work)

        self._hands.record(NewEvent(events.PLACE_CLOSED, data=data), signed[0], also)
        for person_id in sorted(self._shift.on_shift):
            self._shift.end(person_id)

    def _others(self, signed: Collection[str]) -> list[str]:
        """Who else is at work here."""
        return sorted(set(self._shift.on_shift) - set(signed))

    def _may_close_alone(self, person: Person) -> bool:
        return not self._others([person.id]) or may_supervise(person)

    def _change(self, **fields: object) -> None:
        with self._hands.acting():
            doc = self._unfinished.get(_DOC)
            if doc is None:
                raise Refusal("closing_open")
            # Whoever signed did so for what was true then.
            self._unfinished.put(_DOC, {**doc, **fields, "signed": []})

    def _seal(self, visits: list[Visit], first_bag: int, actor_id: str) -> None:
        if not 1 <= first_bag <= 10**9 or not visits:
            raise Refusal("bad_choice")
        sealed = [
            NewEvent(events.VISIT_UNCLAIMED, visit.id, visit.step + 1, {"bag": str(bag)})
            for bag, visit in enumerate(visits, first_bag)
        ]

        def also(work: Transaction, _event: Event) -> None:
            for new in sealed[1:]:
                self._hands.recorder.add(work, new, actor_id)
            self._unfinished.put(_BAG, {"number": first_bag + len(visits) - 1}, work)

        self._hands.record(sealed[0], actor_id, also)

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
        last_bag, actor = self._unfinished.get(_BAG), self._shift.actor()
        signed = doc.get("signed", [])
        return ClosingState(
            step,
            keys,
            leftovers,
            moving,
            held,
            doc["is_carried"],
            (last_bag["number"] if last_bag else 0) + 1,
            self._box.expected(),
            doc["counted"],
            signed=tuple(map(self._mirror.roster.person_name, signed)),
            may_sign=actor is None or actor.id not in signed,
            needs_second=bool(actor and (signed or self._others([actor.id]))),
            may_be_alone=bool(actor and not signed and self._may_close_alone(actor)),
        )

    def _stay(self) -> list[Visit]:
        visits = [visit for visit in self._mirror.visits() if self._stays_here(visit)]
        return sorted(visits, key=lambda visit: (visit.key_holder.hook or 0, visit.code))

    def _stays_here(self, visit: Visit) -> bool:
        is_at_rest = visit.destination_id is None and not visit.conflicts
        return is_at_rest and visit.place_id == self._hands.here

    def _is_moving(self, visit: Visit) -> bool:
        return visit.destination_id is not None and self._hands.here in (
            visit.place_id,
            visit.destination_id,
        )

    def _is_held_here(self, visit: Visit) -> bool:
        return bool(visit.conflicts) and visit.place_id == self._hands.here

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
