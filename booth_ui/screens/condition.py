"""Receive a car, continued: how it looks, how it wants to be driven, when it is wanted back.

Every touch is kept in the draft at once, so that nothing waits for a button at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station
from booth_ui.page import go
from booth_ui.screens.receive import keep, step
from reader_agent.draft import Draft
from schemas.problems import Refusal
from schemas.reception import COLOURS, DAMAGES, HANDLING, WISHES_MIN, ZONES, Damage

blueprint = Blueprint("condition", __name__, url_prefix="/receive")


@dataclass(frozen=True, slots=True)
class Wish:
    """A time that the driver may want the car at: in so many minutes, which is `at`."""

    minutes: int
    at: datetime


@blueprint.get("/damage")
def ask_damage() -> AnyResponse:
    """The outline of a car, to mark what is damaged."""
    return _damage()


@blueprint.post("/damage")
def take_damage() -> AnyResponse:
    """Mark a part anew, or say that there is nothing, or that this is all."""
    if request.form.get("none"):
        return keep(_damage, "details", no_damage=True)
    draft, zone = station().draft(), request.form.get("zone")
    if draft is None:
        return go("/receive")
    if zone is not None:
        return keep(_damage, "damage", damage=_touched(draft, zone))
    return go("/receive/details") if draft.damage else _damage(Refusal("damage_needed"))


@blueprint.get("/details")
def ask_details() -> AnyResponse:
    """Colour, handling, and when the car is wanted."""
    return _details()


@blueprint.post("/details")
def take_details() -> AnyResponse:
    """Keep one choice; the same again takes it back."""
    draft = station().draft()
    if draft is None:
        return go("/receive")
    colour, handling = request.form.get("colour"), request.form.get("handling")
    wish = request.form.get("wish")
    if colour is not None:
        return keep(_details, "details", colour="" if colour == draft.colour else colour)
    if handling is not None:
        return keep(_details, "details", handling=_toggled(draft.handling, handling))
    if wish is not None:
        minutes = _minutes(wish)
        return keep(_details, "details", wish_min=0 if minutes == draft.wish_min else minutes)
    return go("/receive/check")


def _damage(refusal: Refusal | None = None) -> AnyResponse:
    return step("damage", refusal, zones=ZONES, marks=_marks(station().draft()))


def _details(refusal: Refusal | None = None) -> AnyResponse:
    now = station().now()
    wishes = [Wish(minutes, now + timedelta(minutes=minutes)) for minutes in WISHES_MIN]
    return step("details", refusal, colours=COLOURS, handlings=HANDLING, wishes=wishes)


def _marks(draft: Draft | None) -> dict[str, str]:
    damage = draft.damage if draft is not None else None
    return {mark.zone: mark.kind for mark in damage or ()}


def _touched(draft: Draft, zone: str) -> tuple[Damage, ...]:
    """The marks after one touch: nothing, scratch, dent, broken, nothing again."""
    marks = _marks(draft)
    following = dict(zip((None, *DAMAGES), (*DAMAGES, None), strict=True))
    kind = following[marks.pop(zone, None)]
    if kind is not None:
        marks[zone] = kind
    return tuple(Damage(place, what) for place, what in marks.items())


def _toggled(chosen: tuple[str, ...], name: str) -> tuple[str, ...]:
    rest = tuple(other for other in chosen if other != name)
    return rest if name in chosen else (*rest, name)


def _minutes(text: str) -> int:
    """Raises `Refusal("bad_choice")` for what no button says."""
    if text not in {str(minutes) for minutes in WISHES_MIN}:
        raise Refusal("bad_choice")
    return int(text)
