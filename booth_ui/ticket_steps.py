"""A visit as five steps, so that anybody sees at a glance how far the car is."""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.card import Card
from schemas import states

DONE, NOW, NEXT = "done", "now", "next"

STEPS = ("received", "parked", "requested", "coming", "ready")

_AT = {
    states.AT_BOOTH: 0,
    states.TO_LOT: 0,
    states.REPARKING: 0,
    states.PARKED: 1,
    states.TO_BOOTH: 3,
    states.READY: 4,
    states.HANDED_OVER: 5,
}


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is of `STEPS` (words: `step.<name>`), `status` is done, now or next."""

    name: str
    status: str


def steps_of(card: Card) -> list[Step]:
    """The five steps of a card; a car that was asked for where it rests is at "requested", and one
    that has not left its booth was not parked."""
    at = _AT[card.car]
    if card.request_booth_id is not None and card.car in states.RESTING:
        at = 2
    return [
        Step(name, NEXT if name == "parked" and card.car == states.AT_BOOTH else _status(index, at))
        for index, name in enumerate(STEPS)
    ]


def _status(index: int, at: int) -> str:
    if index == at:
        return NOW
    return DONE if index < at else NEXT
