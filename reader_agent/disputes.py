"""Held visits: the facts that cannot all be true, and a supervisor's word that settles them.

Two booths that were cut off can each record what the other's facts exclude. Nothing of it is thrown
away; the visit is held on every screen until somebody decides, and that is an event like any other:
it settles the visit wherever it arrives, whatever arrives after it of what went before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reader_agent import actions
from reader_agent.hands import Hands
from reader_agent.shift import may_supervise
from schemas import events, states
from schemas.district import BOOTH
from schemas.problems import Refusal
from schemas.visit import Fact, Visit
from schemas.visit_order import BESIDE_THE_CAR


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact as people read it. `type` is the event's; `code` the ticket that it is of."""

    type: str
    code: str
    place_name: str
    person_name: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing that may be true of the car: its state, and the place where."""

    state: str
    place_id: str
    place_name: str

    @property
    def value(self) -> str:
        """Its name in a form."""
        return f"{self.state}@{self.place_id}"


class Disputes:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._mirror = hands.mirror

    def facts(self, visit_id: str) -> list[FactLine]:
        """What does not fit together: of each place the last that it told; of a tag that two
        visits have, both receptions. Empty where nothing is in dispute."""
        with self._hands.lock:
            visit = self._hands.visit(visit_id)
            lines = [self._line(visit, fact) for fact in _last_words(self._clashing(visit))]
            if self._mirror.is_tag_shared(visit_id):
                for one in (visit, *self._rivals(visit)):
                    facts = self._mirror.facts(one.id)
                    received = (f for f in facts if f.event.type == events.VISIT_RECEIVED)
                    lines += [self._line(one, fact) for fact in list(received)[:1]]
            return lines

    def endings(self, visit_id: str) -> list[Ending]:
        """What may be true of the car: it stands where one of the facts says, or here, or its
        driver got it at one of them."""
        with self._hands.lock:
            return self._endings(self._hands.visit(visit_id))

    def may_settle(self) -> bool:
        """Whether the actor may decide."""
        with self._hands.lock:
            return may_supervise(self._hands.shift.actor())

    def settle(self, visit_id: str, ending: str, reason: str) -> str:
        """A supervisor says which `Ending.value` is true, and why; the ticket's code.

        Refusal `unknown_visit`, `not_signed_in`, `not_allowed`, `wrong_state`, `bad_choice`,
        `reason_needed`, and what storage gives.
        """
        with self._hands.supervising() as person:
            visit = self._hands.visit(visit_id)
            if not self._is_disputed(visit):
                raise Refusal("wrong_state", state=visit.state)
            said = next((one for one in self._endings(visit) if one.value == ending), None)
            if said is None:
                raise Refusal("bad_choice")
            new = actions.resolve(visit, said.state, said.place_id, reason)
            self._hands.record(new, person.id)
        return visit.code

    def _is_disputed(self, visit: Visit) -> bool:
        return bool(visit.conflicts) or self._mirror.is_tag_shared(visit.id)

    def _clashing(self, visit: Visit) -> list[Fact]:
        odd = {conflict.event_id for conflict in visit.conflicts}
        told = [f for f in self._mirror.facts(visit.id) if f.event.type not in BESIDE_THE_CAR]
        first = next((n for n, fact in enumerate(told) if fact.event.id in odd), None)
        if first is None:
            return []
        return [*told[max(0, first - 1) : first], *(f for f in told if f.event.id in odd)]

    def _endings(self, visit: Visit) -> list[Ending]:
        clashing = self._clashing(visit)
        places = [fact.event.place_id for fact in clashing]
        given = [f.event.place_id for f in clashing if f.event.type == events.VISIT_HANDED_OVER]
        stands = _distinct((*places, visit.place_id, self._hands.here))
        return [
            *(self._ending(self._state_at(visit, place_id), place_id) for place_id in stands),
            *(
                self._ending(states.HANDED_OVER, place_id)
                for place_id in _distinct(given) or [self._hands.here]
            ),
        ]

    def _state_at(self, visit: Visit, place_id: str) -> str:
        place = self._mirror.roster.places.get(place_id)
        if place is not None and place.kind != BOOTH:
            return states.PARKED
        is_asked_here = visit.request is not None and visit.request.booth_id == place_id
        return states.READY if is_asked_here else states.AT_BOOTH

    def _ending(self, state: str, place_id: str) -> Ending:
        return Ending(state, place_id, self._mirror.roster.place_name(place_id))

    def _rivals(self, visit: Visit) -> list[Visit]:
        tags = filter(None, (visit.key_tag, visit.claim_tag))
        found = {one.id: one for tag in tags for one in self._mirror.with_tag(tag)}
        return [one for one in found.values() if one.id != visit.id]

    def _line(self, visit: Visit, fact: Fact) -> FactLine:
        roster, event = self._mirror.roster, fact.event
        return FactLine(
            type=event.type,
            code=visit.code,
            place_name=roster.place_name(event.place_id or ""),
            person_name=roster.person_name(event.actor) if event.actor else None,
            at=fact.at,
        )


def _last_words(clashing: Sequence[Fact]) -> Sequence[Fact]:
    last = {fact.event.place_id: fact for fact in clashing}
    # Where one place contradicts itself, all that it told is needed.
    return [fact for fact in clashing if fact in last.values()] if len(last) > 1 else clashing


def _distinct(place_ids: Iterable[str | None]) -> Sequence[str]:
    return list(dict.fromkeys(filter(None, place_ids)))
