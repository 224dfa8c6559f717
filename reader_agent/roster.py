"""The district's places, people and tags as this station knows them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import EXCLUDE

from reader_agent.tag_facts import TagFact, TagFacts
from schemas import sync
from schemas.district import (
    LOT,
    TAG_ACTIVE,
    Person,
    PersonSchema,
    Place,
    PlaceSchema,
    Tag,
    TagSchema,
)

KINDS = (sync.CHANGE_PLACE, sync.CHANGE_PERSON, sync.CHANGE_TAG)

# A newer cloud may say more than this agent understands.
_PLACE = PlaceSchema(unknown=EXCLUDE)
_PERSON = PersonSchema(unknown=EXCLUDE)
_TAG = TagSchema(unknown=EXCLUDE)


def check(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a change in the form that is stored. Raises marshmallow's `ValidationError`."""
    fields = dict(body)
    if kind == sync.CHANGE_PLACE:
        near = [str(place_id) for place_id in fields.pop("near", None) or ()]
        return {**asdict(_PLACE.load(fields)), "near": near}
    schema = _PERSON if kind == sync.CHANGE_PERSON else _TAG
    return asdict(schema.load(fields))


class Roster:
    """All of it in memory, by id. `tags` are as they are now: what this station did to them counts
    over the cloud's documents until the cloud has answered it."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.people: dict[str, Person] = {}
        self.tags: dict[str, Tag] = {}
        self._told: dict[str, Tag] = {}
        self._own = TagFacts()
        self._near: dict[str, tuple[str, ...]] = {}
        self._owner_of: dict[str, str] | None = None

    def put(self, kind: str, doc: Mapping[str, Any]) -> None:
        """Take over a checked document."""
        if kind == sync.CHANGE_PLACE:
            fields = {name: value for name, value in doc.items() if name != "near"}
            self.places[fields["id"]] = Place(**fields)
            self._near[fields["id"]] = tuple(doc["near"])
        elif kind == sync.CHANGE_PERSON:
            person = Person(**{**doc, "roles": tuple(doc["roles"])})
            self.people[person.id] = person
            self._owner_of = None
        else:
            tag = Tag(**doc)
            self._told[tag.id] = tag
            self._refresh_tag(tag.id)

    def add_own(self, fact: TagFact) -> None:
        """This station enrolled or marked a tag."""
        self._own.add(fact)
        self._refresh_tag(fact.tag_id)
        self._owner_of = None

    def own_among(self, ack_seq: int, others: Collection[int]) -> list[int]:
        """The numbers of this station's own facts up to `ack_seq` or among `others`."""
        return self._own.among(ack_seq, others)

    def drop_own(self, seqs: Collection[int]) -> None:
        """The cloud has answered these: what it tells is true now."""
        for tag_id in self._own.drop(seqs):
            self._refresh_tag(tag_id)
        self._owner_of = None

    def badge_owner(self, tag_id: str) -> Person | None:
        """Who has this badge and works here; nobody by a badge that was lost or retired."""
        tag = self.tags.get(tag_id)
        if tag is not None and tag.status != TAG_ACTIVE:
            return None
        person = self.people.get(self._owners().get(tag_id, ""))
        return person if person is not None and person.is_active else None

    def badge_holder(self, tag_id: str) -> Person | None:
        """Whose badge the tag is or was, also of one who no longer works here."""
        return self.people.get(self._owners().get(tag_id, ""))

    def is_badge(self, tag_id: str) -> bool:
        """Whether the tag is known as somebody's badge, also of one who no longer works here."""
        return tag_id in self._owners()

    def nearest_lot(self, place_id: str) -> str | None:
        """The open lot to which a car from `place_id` goes when nobody planned otherwise."""
        lots = {lot.id for lot in self.places.values() if lot.kind == LOT and lot.is_open}
        for lot_id in self._near.get(place_id, ()):
            if lot_id in lots:
                return lot_id
        here = self.places.get(place_id)
        if here is None:
            return min(lots, default=None)
        return min(lots, key=lambda lot_id: (self._distance_m(here, lot_id), lot_id), default=None)

    def place_name(self, place_id: str) -> str:
        """The place's name, or its id while the place is not known here."""
        place = self.places.get(place_id)
        return place.name if place else place_id

    def person_name(self, person_id: str) -> str:
        """The person's name, or the id while the person is not known here."""
        person = self.people.get(person_id)
        return person.name if person else person_id

    def label(self, tag_id: str) -> str:
        """What is printed on the tag, or the end of its id while it is not known here."""
        tag = self.tags.get(tag_id)
        return tag.label if tag else tag_id[-6:]

    def _refresh_tag(self, tag_id: str) -> None:
        tag = self._own.over(tag_id, self._told.get(tag_id))
        if tag is None:
            self.tags.pop(tag_id, None)
        else:
            self.tags[tag_id] = tag

    def _owners(self) -> dict[str, str]:
        if self._owner_of is None:
            own = self._own.badges()
            self._owner_of = {
                badge: person.id
                for person in self.people.values()
                if (badge := own.get(person.id, person.badge_tag)) is not None
            }
        return self._owner_of

    def _distance_m(self, here: Place, lot_id: str) -> float:
        lot = self.places[lot_id]
        return math.hypot(lot.x_m - here.x_m, lot.y_m - here.y_m)
