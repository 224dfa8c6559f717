"""What can be done with a car from the screen, here and now: the fallback to taps.

A tap of the key does the same; these are for a tag that does not read, and for requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.card import Card
from reader_agent.waiting import REPARK
from schemas import states
from schemas.district import LOT
from schemas.events import Event

TAKE, READY, PARK = "take", "ready", "park"
REQUEST, CANCEL, HAND_OVER = "request", "cancel_request", "hand_over"
RESOLVE, CALL, DELAY, UNDO = "resolve", "call", "delay", "undo"

_COMING_TO_LOT = frozenset({states.AT_BOOTH, states.TO_LOT, states.REPARKING, states.TO_BOOTH})
_COMING_TO_BOOTH = frozenset({states.TO_BOOTH, states.TO_LOT, states.REPARKING})


@dataclass(frozen=True, slots=True)
class Action:
    """`name` is what is done, `label` the words (a catalog key), `target` a place in them.

    `opens` is the screen that asks for more before it is done; None does it at once. A
    correction is never the screen's main button.
    """

    name: str
    label: str
    target: str | None = None
    opens: str | None = None
    is_correction: bool = False


_DECIDE = Action(RESOLVE, "do.resolve", opens="resolve")
_OTHER_LOT = Action(TAKE, "do.take_other", opens="take", is_correction=True)


def actions_for(card: Card, role: str, here: str) -> list[Action]:
    """Most likely first; the first one is the screen's main button."""
    if card.state == states.HANDED_OVER:
        return []
    moves = _at_lot(card, here) if role == LOT else _at_booth(card, here)
    if card.state == states.HELD:
        # Where the car is can still be told; anything else waits for a person's decision.
        return [_DECIDE, *(action for action in moves if action.name in (PARK, READY))]
    asks = [*([_DECIDE] if card.held_reasons else []), *_requests(card)]
    # A correction (a stall's number) never goes before what the driver may ask.
    is_work = any(not move.is_correction for move in moves)
    return moves + asks if is_work else asks + moves


def undo_of(said: Event) -> Action:
    """To take back what was just said of the car."""
    return Action(UNDO, f"do.undo_{said.type.partition('.')[2]}", is_correction=True)


def _at_booth(card: Card, here: str) -> list[Action]:
    is_here = card.place_id == here
    if card.car == states.READY and is_here:
        back = _take("do.take_back", card, is_correction=card.rung != REPARK)
        if card.request_booth_id is None:
            return [back]
        call = Action(CALL, "do.call" if card.calls == 0 else "do.call_again")
        return [Action(HAND_OVER, "do.hand_over", opens="hand_over"), call, back]
    if card.car == states.AT_BOOTH and is_here:
        take = _take("do.take", card)
        if card.request_booth_id == here:
            # Its driver waits for it here: there has to be room for taking the request back.
            return [Action(READY, "do.ready_still_here"), take]
        return [take, _OTHER_LOT]
    if card.car in _COMING_TO_BOOTH:
        return [Action(READY, "do.ready")]
    return []


def _at_lot(card: Card, here: str) -> list[Action]:
    if card.car == states.PARKED and card.place_id == here:
        stall = Action(PARK, "do.note_stall", opens="park", is_correction=True)
        if card.request_booth_id is None:
            return [stall]
        return [Action(TAKE, "do.bring_out", card.request_booth_name)]
    if card.car in _COMING_TO_LOT:
        return [Action(PARK, "do.park", opens="park")]
    return []


def _take(label: str, card: Card, *, is_correction: bool = False) -> Action:
    """To the lot that was planned, else to the nearest, as a tap of the key does."""
    if card.move_to_name is not None and card.move_kind == states.PARK:
        return Action(TAKE, f"{label}_to", card.move_to_name, None, is_correction)
    return Action(TAKE, label, is_correction=is_correction)


def _requests(card: Card) -> list[Action]:
    if card.request_booth_id is None:
        return [Action(REQUEST, "do.request", opens="request")]
    if card.car == states.READY:
        return []
    return [
        Action(DELAY, "do.delay", opens="delay", is_correction=True),
        Action(REQUEST, "do.change_request", opens="request", is_correction=True),
        Action(CANCEL, "do.cancel_request", is_correction=True),
    ]
