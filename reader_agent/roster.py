"""The district's places, people and tags as this station knows them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from marshmallow import EXCLUDE

from reader_agent.closed_ways import Shut, check_closures, closures_of, shut_now
from reader_agent.closed_ways import documents_of as closure_documents
from reader_agent.posted_tariff import (
    PostedTariff,
    check_tariffs,
    documents_of,
    tariffs_of,
)
from reader_agent.tag_facts import TagFact, TagFacts
from schemas import sync
from schemas.district import (
    LOT,
    TAG_ACTIVE,
    Closure,
    Person,
    PersonSchema,
    Place,
    PlaceSchema,
    Tag,
    TagSchema,
)
from schemas.hours import PANAMA, hours_of, is_open_at

KINDS = (sync.CHANGE_PLACE, sync.CHANGE_PERSON, sync.CHANGE_TAG)

_NOT_OF_A_PLACE = frozenset({"near", "drive_s", "tariffs", "closures"})
_NOT_OF_A_PERSON = frozenset({"wait_place_id", "shift_place_id", "is_resting"})
# Streets are no straight lines, and nobody drives fast in them. For a pair of places of which the
# cloud has not told how long the drive takes.
_DETOUR, _SPEED_M_S, _UNKNOWN_DRIVE_S = 1.6, 4.2, 600

# A newer cloud may say more than this agent understands.
_PLACE = PlaceSchema(unknown=EXCLUDE)
_PERSON = PersonSchema(unknown=EXCLUDE)
_TAG = TagSchema(unknown=EXCLUDE)


def check(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a change in the form that is stored. Raises marshmallow's `ValidationError`."""
    fields = dict(body)
    if kind == sync.CHANGE_PLACE:
        near = [str(place_id) for place_id in fields.pop("near", None) or ()]
        told = fields.pop("drive_s", None) or {}
        drive_s = {str(place_id): int(seconds) for place_id, seconds in told.items()}
        tariffs = check_tariffs(fields.pop("tariffs", None))
        closures = check_closures(fields.pop("closures", None))
        ways = {"near": near, "drive_s": drive_s, "closures": closures}
        return {**asdict(_PLACE.load(fields)), **ways, "tariffs": tariffs}
    if kind == sync.CHANGE_PERSON:
        beside = {
            "wait_place_id": _text_or_none(fields.pop("wait_place_id", None)),
            "shift_place_id": _text_or_none(fields.pop("shift_place_id", None)),
            "is_resting": fields.pop("is_resting", False) is True,
        }
        return {**asdict(_PERSON.load(fields)), **beside}
    return asdict(_TAG.load(fields))


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class AtWork:
    """Where somebody is on a shift, by the cloud's word, and whether on a break of it."""

    place_id: str
    is_resting: bool


class Roster:
    """All of it in memory, by id. `tags` are as they are now: what this station did to them counts
    over the cloud's documents until the cloud has answered it. `waits`: where a person without a
    car is to wait; `at_work`: who is on a shift anywhere; `tariffs`: the versions that a place
    has to show."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.people: dict[str, Person] = {}
        self.waits: dict[str, str | None] = {}
        self.at_work: dict[str, AtWork] = {}
        self.tags: dict[str, Tag] = {}
        self.tariffs: dict[str, tuple[PostedTariff, ...]] = {}
        self._told: dict[str, Tag] = {}
        self._own = TagFacts()
        self._closures: dict[str, tuple[Closure, ...]] = {}
        self._near: dict[str, tuple[str, ...]] = {}
        self._drive_s: dict[str, dict[str, int]] = {}
        self._owner_of: dict[str, str] | None = None

    def put(self, kind: str, doc: Mapping[str, Any]) -> None:
        """Take over a checked document."""
        if kind == sync.CHANGE_PLACE:
            fields = {name: doc[name] for name in doc.keys() - _NOT_OF_A_PLACE}
            # Stored by an agent of before, there are none.
            fields["hours"] = hours_of(doc.get("hours", ()))
            self.places[fields["id"]] = Place(**fields)
            self._near[fields["id"]] = tuple(doc["near"])
            self._drive_s[fields["id"]] = doc.get("drive_s", {})
            self.tariffs[fields["id"]] = tariffs_of(doc.get("tariffs", ()))
            self._closures[fields["id"]] = closures_of(doc.get("closures", ()))
        elif kind == sync.CHANGE_PERSON:
            facts = {name: doc[name] for name in doc.keys() - _NOT_OF_A_PERSON}
            person = Person(**{**facts, "roles": tuple(doc["roles"])})
            self.people[person.id] = person
            self.waits[person.id] = doc.get("wait_place_id")
            self._put_at_work(person.id, doc.get("shift_place_id"), doc.get("is_resting", False))
            self._owner_of = None
        else:
            tag = Tag(**doc)
            self._told[tag.id] = tag
            self._refresh_tag(tag.id)

    def _put_at_work(self, person_id: str, place_id: str | None, is_resting: bool) -> None:
        if place_id is None:
            self.at_work.pop(person_id, None)
        else:
            self.at_work[person_id] = AtWork(place_id, is_resting)

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Everything, as the cloud would tell it now: kind and body of each change."""
        for place in self.places.values():
            near, drive_s = list(self._near.get(place.id, ())), self._drive_s.get(place.id, {})
            closures = closure_documents(self._closures.get(place.id, ()))
            ways = {"near": near, "drive_s": drive_s, "closures": closures}
            tariffs = documents_of(self.tariffs.get(place.id, ()))
            yield sync.CHANGE_PLACE, {**asdict(place), **ways, "tariffs": tariffs}
        for person in self.people.values():
            told = {"roles": list(person.roles), "wait_place_id": self.waits.get(person.id)}
            yield sync.CHANGE_PERSON, {**asdict(person), **told}
        for tag in self.tags.values():
            yield sync.CHANGE_TAG, asdict(tag)

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

    def nearest_lot(self, place_id: str, now: datetime) -> str | None:
        """The lot to which a car from `place_id` goes when nobody planned otherwise: the nearest
        that is open, by its hours too and by a way that is not shut, unless none is. A car has to
        stand somewhere, and a station that is cut off may not know the time."""
        lots = {lot.id: lot for lot in self.places.values() if lot.kind == LOT and lot.is_open}
        local, shut = now.astimezone(PANAMA), self.shut_now(now)
        wanted = {lot.id for lot in lots.values() if is_open_at(lot, local)} or set(lots)
        wanted = {
            lot_id for lot_id in wanted if not any(each.stops(place_id, lot_id) for each in shut)
        } or wanted
        for lot_id in self._near.get(place_id, ()):
            if lot_id in wanted:
                return lot_id
        here = self.places.get(place_id)
        if here is None:
            return min(wanted, default=None)
        return min(
            wanted, key=lambda lot_id: (self._distance_m(here, lot_id), lot_id), default=None
        )

    def shut_now(self, now: datetime) -> Sequence[Shut]:
        """The places and ways that are shut for cars, the first to open first."""
        return shut_now(chain.from_iterable(self._closures.values()), now)

    def drive_s(self, from_place_id: str, to_place_id: str) -> int:
        """About how many seconds a car takes from one place to another."""
        told = self._drive_s.get(from_place_id, {}).get(to_place_id)
        if told is not None:
            return told
        here, there = self.places.get(from_place_id), self.places.get(to_place_id)
        if here is None or there is None:
            return _UNKNOWN_DRIVE_S
        return round(self._distance_m(here, there.id) * _DETOUR / _SPEED_M_S)

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

    def _distance_m(self, here: Place, place_id: str) -> float:
        there = self.places[place_id]
        return math.hypot(there.x_m - here.x_m, there.y_m - here.y_m)
