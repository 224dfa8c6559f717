"""What this station itself did to tags and the cloud has not answered yet.

The cloud's documents say what a tag is. Between an enrolment here and the document that comes of
it lies a network that may be gone for days, so what was done here counts over the documents until
the cloud has taken it in and told what became of it, or has refused it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas import events
from schemas.district import BADGE, TAG_ACTIVE, Tag
from schemas.events import Event

TAG_TYPES = frozenset({events.TAG_ENROLLED, events.TAG_MARKED})


@dataclass(frozen=True, slots=True)
class TagFact:
    """One event of this station's journal: its number, its type and its data."""

    seq: int
    type: str
    data: Mapping[str, Any]

    @property
    def tag_id(self) -> str:
        """Which tag it is about."""
        return str(self.data["tag"])

    def to_doc(self) -> dict[str, Any]:
        """JSON-ready, as the mirror keeps it."""
        return {"seq": self.seq, "type": self.type, "data": dict(self.data)}


def fact_of(event: Event) -> TagFact:
    """The fact in an event of one of `TAG_TYPES`."""
    return TagFact(event.seq, event.type, event.data)


class TagFacts:
    """Those of them that still count, in the order in which they happened."""

    def __init__(self) -> None:
        self._facts: dict[int, TagFact] = {}

    def add(self, fact: TagFact) -> None:
        """It was recorded."""
        self._facts[fact.seq] = fact

    def drop(self, seqs: Collection[int]) -> set[str]:
        """The cloud has answered these; the tags that they are about."""
        gone = [self._facts.pop(seq) for seq in seqs if seq in self._facts]
        return {fact.tag_id for fact in gone}

    def among(self, ack_seq: int, others: Collection[int]) -> list[int]:
        """The numbers of those up to `ack_seq`, or among `others`."""
        return [seq for seq in self._facts if seq <= ack_seq or seq in others]

    def over(self, tag_id: str, told: Tag | None) -> Tag | None:
        """The tag as it is when what was done here comes after what the cloud `told`."""
        tag = told
        for seq in sorted(self._facts):
            fact = self._facts[seq]
            if fact.tag_id == tag_id:
                tag = _after(tag, fact)
        return tag

    def badges(self) -> dict[str, str]:
        """The badges that were given to people here, by person; the last one counts."""
        found = {}
        for seq in sorted(self._facts):
            data = self._facts[seq].data
            if data.get("kind") == BADGE and data.get("person_id"):
                found[str(data["person_id"])] = str(data["tag"])
        return found


def _after(tag: Tag | None, fact: TagFact) -> Tag | None:
    data = fact.data
    if fact.type == events.TAG_ENROLLED:
        is_secure = bool(data.get("is_secure"))
        return Tag(fact.tag_id, data["kind"], data["label"], TAG_ACTIVE, is_secure)
    return None if tag is None else replace(tag, status=data["status"])
