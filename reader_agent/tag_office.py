"""The district's tags at a station: what there is, and what became of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from reader_agent.actions import REASON_LENGTHS
from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from schemas import events
from schemas.district import TAG_ACTIVE, TAG_KINDS, TAG_RETIRED, TAG_STATUSES, Person, Tag
from schemas.problems import Refusal
from schemas.tag_ids import is_hint

RADIO: Final = "radio"
"""Key tags that answer from metres away are counted apart: they open nothing."""
GROUPS: Final = (*TAG_KINDS, RADIO)


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag as people see it. `group` is of `GROUPS`; `ticket` is the car that it is bound to,
    `person` whose badge it is."""

    id: str
    kind: str
    group: str
    label: str
    status: str
    is_secure: bool
    ticket: str | None
    person: str | None


class TagOffice:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._mirror = hands.mirror

    def is_of_car(self, tag_id: str) -> bool:
        """Whether a car that is here has this key or claim tag."""
        with self._hands.lock:
            return bool(self._mirror.with_tag(tag_id))

    def counts(self) -> dict[str, dict[str, int]]:
        """How many tags there are, by group and by status."""
        with self._hands.lock:
            tags = tuple(self._mirror.roster.tags.values())
        counted = Counter((_group_of(tag), tag.status) for tag in tags)
        return {
            group: {status: counted[group, status] for status in TAG_STATUSES} for group in GROUPS
        }

    def rows(
        self, *, group: str | None = None, status: str | None = None, text: str = ""
    ) -> list[TagRow]:
        """The tags of a group, in a status, with `text` in their label or id: as asked for, all
        of it together. Sorted as their numbers are."""
        wanted = _bare(text)
        with self._hands.lock:
            found = [
                self._row(tag)
                for tag in self._mirror.roster.tags.values()
                if (group is None or _group_of(tag) == group)
                and (status is None or tag.status == status)
                and (not wanted or wanted in _bare(tag.label) or wanted in _bare(tag.id))
            ]
        return sorted(found, key=lambda row: (GROUPS.index(row.group), _by_number(row.label)))

    def row(self, tag_id: str) -> TagRow:
        """One tag. Refusal `unknown_tag`."""
        with self._hands.lock:
            return self._row(self._tag(tag_id))

    def people(self) -> list[tuple[Person, str | None]]:
        """Who works here, by name, and the label of the badge that each has."""
        with self._hands.lock:
            roster = self._mirror.roster
            badges = {
                holder.id: tag.label
                for tag in roster.tags.values()
                if tag.status == TAG_ACTIVE and (holder := roster.badge_owner(tag.id)) is not None
            }
            people = [person for person in roster.people.values() if person.is_active]
        people.sort(key=lambda person: person.name)
        return [(person, badges.get(person.id)) for person in people]

    def mark(self, tag_id: str, status: str, reason: str) -> TagRow:
        """A tag was lost, found again (`active`) or is taken out of use.

        Refusal `not_signed_in`, `not_allowed`, `unknown_tag`, `bad_choice` where it is so already,
        `reason_needed`, `tag_in_use` for retiring the tag of a car that is still here.
        """
        with self._hands.supervising() as actor:
            tag = self._tag(tag_id)
            if status not in TAG_STATUSES or status == tag.status:
                raise Refusal("bad_choice")
            reason = reason.strip()
            if len(reason) not in REASON_LENGTHS:
                raise Refusal("reason_needed")
            visits = self._mirror.with_tag(tag_id)
            if status == TAG_RETIRED and visits:
                raise Refusal("tag_in_use", ticket=visits[0].code)
            data = {"tag": tag_id, "status": status, "reason": reason}
            new = NewEvent(events.TAG_MARKED, data=data)
            self._hands.record(new, actor.id)
        return self.row(tag_id)

    def _tag(self, tag_id: str) -> Tag:
        tag = self._mirror.roster.tags.get(tag_id)
        if tag is None:
            raise Refusal("unknown_tag")
        return tag

    def _row(self, tag: Tag) -> TagRow:
        visits = self._mirror.with_tag(tag.id)
        holder = self._mirror.roster.badge_holder(tag.id)
        return TagRow(
            id=tag.id,
            kind=tag.kind,
            group=_group_of(tag),
            label=tag.label,
            status=tag.status,
            is_secure=tag.is_secure,
            ticket=visits[0].code if visits else None,
            person=holder.name if holder else None,
        )


def _group_of(tag: Tag) -> str:
    return RADIO if is_hint(tag.id) else tag.kind


def _bare(text: str) -> str:
    """Letters and digits only, so that nobody has to type a dash."""
    return re.sub(r"[\W_]", "", text).upper()


def _by_number(label: str) -> list[tuple[int, str]]:
    """K-9 before K-10: numbers are compared as numbers, words as words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", label)
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts
    ]
