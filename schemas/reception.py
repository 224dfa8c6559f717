"""How a car was taken in: its colour, its damage, how it wants to be driven, when it is wanted.

All of it is additive to `visit.received`: an event without it says that nobody looked. The words
are open, so that a newer booth may know more of them than an older cloud; what a screen does not
know it does not show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLOURS = ("white", "black", "silver", "grey", "red", "blue", "green", "yellow", "brown", "other")

ZONES = (
    *("front_right", "right_front", "right_rear", "rear_right"),
    *("front", "glass", "roof", "rear"),
    *("front_left", "left_front", "left_rear", "rear_left"),
)
"""The parts of a car seen from above, its front to the left: three rows of four."""

SCRATCH, DENT, BROKEN = "scratch", "dent", "broken"
DAMAGES = (SCRATCH, DENT, BROKEN)

HANDLING = ("automatic", "manual", "electric", "large", "fragile", "licence")
"""What a runner has to know before driving it. `licence`: not everybody's licence will do."""

RESTRICTING = ("manual", "electric", "large", "licence")
"""Of these, what not everybody may drive."""

WISHES_MIN = (60, 120, 180, 300)
"""In about how many minutes the driver wants the car back."""

CONSENT = "2026-11"
"""The text about personal data that the booth shows, by when it was written."""

DAMAGE_MAX = 24
HANDLING_MAX = 12
WISH_MIN_MAX = 7 * 24 * 60
WORD = r"[a-z][a-z_]{0,19}\Z"
_is_word = re.compile(WORD).match


@dataclass(frozen=True, slots=True)
class Damage:
    """A mark on a car: where, of `ZONES`, and what, of `DAMAGES`."""

    zone: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reception:
    """What was noted beside plate and phone. `damage` is None where nobody said, and empty where
    somebody looked and found none. `consent`: the text that was shown, see `CONSENT`."""

    colour: str | None = None
    damage: tuple[Damage, ...] | None = None
    handling: tuple[str, ...] = ()
    wish_min: int | None = None
    consent: str | None = None

    def to_data(self) -> dict[str, Any]:
        """The members of `visit.received` that say this; none for what nobody said."""
        said: dict[str, Any] = {}
        if self.colour is not None:
            said["colour"] = self.colour
        if self.damage is not None:
            said["damage"] = [{"zone": mark.zone, "kind": mark.kind} for mark in self.damage]
        if self.handling:
            said["handling"] = list(self.handling)
        if self.wish_min is not None:
            said["wish_min"] = self.wish_min
        if self.consent is not None:
            said["consent"] = self.consent
        return said


def reception_of(data: Mapping[str, Any]) -> Reception:
    """What a checked `visit.received` says of the car."""
    damage = data.get("damage")
    return Reception(
        colour=data.get("colour"),
        damage=None
        if damage is None
        else tuple(Damage(mark["zone"], mark["kind"]) for mark in damage),
        handling=tuple(data.get("handling") or ()),
        wish_min=data.get("wish_min"),
        consent=data.get("consent"),
    )


def is_plain_reception(data: Mapping[str, Any]) -> bool:
    """Whether these members are plainly valid: the short way of `schemas.plain_events`."""
    wish_min, consent = data.get("wish_min"), data.get("consent")
    return (
        _is_word_or_none(data.get("colour"))
        and _is_damage_or_none(data.get("damage"))
        and _are_words_or_none(data.get("handling"))
        and (wish_min is None or (type(wish_min) is int and 0 <= wish_min <= WISH_MIN_MAX))
        and (
            consent is None
            or (type(consent) is str and 1 <= len(consent) <= 20 and consent.isprintable())
        )
    )


def _is_word_or_none(value: Any) -> bool:
    return value is None or (type(value) is str and _is_word(value) is not None)


def _are_words_or_none(value: Any) -> bool:
    if value is None:
        return True
    return (
        type(value) is list
        and len(value) <= HANDLING_MAX
        and all(word is not None and _is_word_or_none(word) for word in value)
    )


def _is_damage_or_none(value: Any) -> bool:
    if value is None:
        return True
    return (
        type(value) is list
        and len(value) <= DAMAGE_MAX
        and all(
            type(mark) is dict
            and mark.get("zone") is not None
            and mark.get("kind") is not None
            and _is_word_or_none(mark["zone"])
            and _is_word_or_none(mark["kind"])
            for mark in value
        )
    )
