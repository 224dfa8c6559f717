"""The second screen, for everybody on the pavement: numbers, and no plate and no name."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, make_response, render_template

from booth_ui.desk import station
from reader_agent.card import Card
from schemas import states

blueprint = Blueprint("board", __name__)

SHOWN = 12
"""So many numbers of each kind fit the screen in letters that are read from afar."""


@dataclass(frozen=True, slots=True)
class Line:
    """A ticket number, and in how many minutes the car should be there."""

    code: str
    minutes: int | None


@blueprint.get("/board")
def board() -> Response:
    """Who is ready, who is on the way. Works without a badge: there is nothing to touch."""
    at = station()
    cards = [card for card in at.queue() if card.request_booth_id == at.place_id]
    sure = [card for card in cards if not card.held_reasons]
    ready = [card.code for card in sure if card.car == states.READY]
    coming = [_line(card) for card in sure if card.car not in (states.READY, states.REPARKING)]
    status = at.status()
    return make_response(
        render_template(
            "board.html",
            ready=ready[:SHOWN],
            coming=coming[:SHOWN],
            more=max(0, len(coming) - SHOWN),
            is_online=status.online,
            age_s=status.last_exchange_age_s,
        )
    )


def _line(card: Card) -> Line:
    if card.ready_by is None:
        return Line(card.code, None)
    left_s = (card.ready_by - station().now()).total_seconds()
    # Never less than one: a number that counts down to nothing makes people angry.
    return Line(card.code, max(1, round(left_s / 60)))
