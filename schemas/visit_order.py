"""In which order the facts of a visit are read, and which of them stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from schemas import events, states
from schemas.visit_words import WORD_TYPES

if TYPE_CHECKING:
    from schemas.visit import Fact

BESIDE_THE_CAR = WORD_TYPES | {
    *(events.VISIT_REQUESTED, events.VISIT_REQUEST_CANCELLED, events.VISIT_PHOTOGRAPHED),
    events.VISIT_UNDONE,
}
"""What moves neither the car nor its key."""

_RANK = {kind: rank for rank, kind in enumerate(events.EVENT_TYPES)}


def order_key(fact: Fact) -> tuple[int, int, str, int]:
    """The place of a fact among those of its visit; a total order that no clock can change."""
    event = fact.event
    return event.step, _RANK[event.type], fact.journal_id, event.seq


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """The facts in their order, without those that were taken back. A place takes back only what
    was said there, and only what can be (`states.UNDOABLE`)."""
    ordered = sorted(facts, key=order_key)
    undone = {
        (fact.event.data["event_id"], fact.event.place_id)
        for fact in ordered
        if fact.event.type == events.VISIT_UNDONE
    }
    if undone:
        ordered = [
            fact
            for fact in ordered
            if fact.event.type not in states.UNDOABLE
            or (fact.event.id, fact.event.place_id) not in undone
        ]
    for fact in [fact for fact in ordered if _is_late_word(fact)]:
        _put_behind_its_drive(ordered, fact)
    return ordered


def _is_late_word(fact: Fact) -> bool:
    """Whether a lot says of a key that it saw before it knew of the visit."""
    return fact.event.type == events.CAR_PARKED and fact.event.data.get("seen_at") is not None


def _put_behind_its_drive(ordered: list[Fact], parked: Fact) -> None:
    """Its station knew nothing of the drive that ended there, so its step cannot tell: it belongs
    behind the first one."""
    for number, fact in enumerate(ordered):
        event = fact.event
        if event.type == events.CAR_TAKEN and event.data["to_place_id"] == parked.event.place_id:
            was = ordered.index(parked)
            if was < number:
                ordered.insert(number, ordered.pop(was))
            return
