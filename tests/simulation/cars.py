"""The cars of a night as they really are, and the desks with the drawers of tags."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas import states
from schemas.district import CLAIM_TAG, KEY_TAG, District


@dataclass
class Car:
    """One car and what is true of it."""

    number: int
    plate: str
    phone: str | None
    key_tag: str
    claim_tag: str | None
    place_id: str
    visit_id: str = ""
    state: str = states.AT_BOOTH
    is_handed_over: bool = False


@dataclass
class Desk:
    """The valet's desk at a place: one car at a time, and a drawer of tags."""

    keys: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    is_taken: bool = False

    def give(self, car: Car, numbers: random.Random, copied: str | None) -> None:
        """Choose the tags for a car: out of the drawer, or a copy of one in use."""
        if copied is not None:
            car.key_tag = copied
        elif self.keys:
            car.key_tag = self.keys.pop(0)
        if self.claims and numbers.random() < 0.7:
            car.claim_tag = self.claims.pop(0)

    def take_back(self, car: Car) -> None:
        """Put a car's tags into this drawer."""
        if car.key_tag and car.key_tag not in self.keys:
            self.keys.append(car.key_tag)
        if car.claim_tag:
            self.claims.append(car.claim_tag)
        car.key_tag, car.claim_tag = "", None


def deal_tags(district: District, booths: Sequence[str], lots: Sequence[str]) -> dict[str, Desk]:
    """A desk for every place; the booths share the district's tags."""
    desks = {place_id: Desk() for place_id in (*booths, *lots)}
    plain = [tag for tag in district.tags if not tag.is_secure]
    for number, tag in enumerate(plain):
        desk = desks[booths[number % len(booths)]]
        if tag.kind == KEY_TAG:
            desk.keys.append(tag.id)
        elif tag.kind == CLAIM_TAG:
            desk.claims.append(tag.id)
    return desks
