"""Tag rows: what enrolments and marks say of a tag, whichever order they came in.

What a tag is comes from its last enrolment, how it is from its last enrolment or mark; "last" is
the time of the event, and its id where two have the same. A person's badge is the tag of the
last enrolment that named the person, as long as no later one gave that tag to another use.
The district file says what a tag is that nobody has enrolled, and may rename one that is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.district import BADGE, TAG_ACTIVE
from schemas.events import Event
from schemas.tag_ids import TagIDError, check_lasting
from server.models import EventRow, Mirrored, PersonRow, TagRow
from server.recorded import Recorded

log = structlog.get_logger()

TAG_EVENTS = (events.TAG_ENROLLED, events.TAG_MARKED)
LABEL_CHARS_MAX = 20
# Bound parameters of one query.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Word:
    """What one event says of a tag."""

    event_id: str
    at: datetime
    type: str
    data: dict[str, Any]

    @property
    def stamp(self) -> tuple[datetime, str]:
        """The later word counts."""
        return self.at, self.event_id

    @property
    def is_enrolment(self) -> bool:
        """Whether it says what the tag is."""
        return self.type == events.TAG_ENROLLED

    @property
    def person_id(self) -> str | None:
        """Whose badge the tag is from now on."""
        return self.data.get("person_id") if self.data.get("kind") == BADGE else None


def tag_of(event: Event) -> str | None:
    """The tag that an event is about; None for other events, and for an id that names no tag
    for good: the fact is kept, and nothing follows from it."""
    if event.type not in TAG_EVENTS:
        return None
    try:
        return check_lasting(event.data["tag"])
    except TagIDError as error:
        log.warning("tag_event_without_effect", type=event.type, code=error.code)
        return None


def note(session: Session, rows: Iterable[Recorded], version: int) -> None:
    """Let new events change the tags that they are about."""
    tag_ids = {row.tag_id for row in rows if row.tag_id is not None}
    if tag_ids:
        refold(session, tag_ids, version)


def refold(session: Session, tag_ids: Collection[str], version: int) -> None:
    """Read these tags anew out of all their events and write the rows under `version`.

    The caller holds the district's version, so nobody else does so at the same time.
    """
    for chunk in _chunks(sorted(tag_ids)):
        rows = {row.id: row for row in session.scalars(select(TagRow).where(TagRow.id.in_(chunk)))}
        for tag_id, words in _words(session, chunk).items():
            enrolment = next((word for word in reversed(words) if word.is_enrolment), None)
            _write(session, rows.get(tag_id), tag_id, words, enrolment, version)
            if enrolment is not None:
                _give_badge(session, tag_id, words, enrolment, version)
    session.flush()


def all_with_events(session: Session) -> list[str]:
    """The tags that any event is about."""
    named = session.scalars(select(EventRow.tag_id).where(EventRow.tag_id.is_not(None)).distinct())
    return [tag_id for tag_id in named if tag_id is not None]


def _chunks(tag_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(tag_ids), _CHUNK):
        yield tag_ids[start : start + _CHUNK]


def _words(session: Session, tag_ids: Collection[str]) -> dict[str, list[_Word]]:
    found: dict[str, list[_Word]] = {}
    for row in session.scalars(select(EventRow).where(EventRow.tag_id.in_(tag_ids))):
        assert row.tag_id is not None
        word = _Word(row.event_id, row.at, row.type, json.loads(row.line)["data"])
        found.setdefault(row.tag_id, []).append(word)
    # Not in SQL: text is not everywhere sorted by its bytes.
    return {tag_id: sorted(words, key=lambda word: word.stamp) for tag_id, words in found.items()}


def _write(
    session: Session,
    row: TagRow | None,
    tag_id: str,
    words: Sequence[_Word],
    enrolment: _Word | None,
    version: int,
) -> None:
    """A mark whose enrolment has not come yet waits among the events, unless the tag is known as
    somebody's badge: that one must not open anything from now on."""
    if row is None and enrolment is None:
        owner = session.scalar(select(PersonRow).where(PersonRow.badge_tag == tag_id))
        if owner is None:
            return
        row = TagRow(
            id=tag_id, kind=BADGE, label=owner.name[:LABEL_CHARS_MAX], is_secure=False, version=0
        )
        session.add(row)
    last = words[-1]
    values: dict[str, object] = {"status": TAG_ACTIVE if last.is_enrolment else last.data["status"]}
    values |= _proofs(words)
    if enrolment is not None and (row is None or row.enrolled_event != enrolment.event_id):
        values["kind"], values["label"] = enrolment.data["kind"], enrolment.data["label"]
        values["enrolled_event"] = enrolment.event_id
    if row is None:
        session.add(TagRow(id=tag_id, **{"is_secure": False, **values}, version=version))
    else:
        _change(row, values, version)


def _proofs(words: Sequence[_Word]) -> dict[str, object]:
    """What the chip can prove, as the last enrolment has it that looked: one that only gives a
    new label does not make a secure card a plain one."""
    said: dict[str, object] = {}
    for word in words:
        for name in ("is_secure", "is_original"):
            if word.is_enrolment and word.data.get(name) is not None:
                said[name] = word.data[name]
    return said


def _give_badge(
    session: Session, tag_id: str, words: Sequence[_Word], enrolment: _Word, version: int
) -> None:
    """Let the persons whom the enrolments name have the badge, or have it no more."""
    named = {word.person_id for word in words if word.is_enrolment and word.person_id is not None}
    people = session.scalars(
        select(PersonRow).where(or_(PersonRow.id.in_(named), PersonRow.badge_tag == tag_id))
    ).all()
    own = {word.event_id for word in words}
    for word in words:
        for person in people:
            if word.is_enrolment and word.person_id == person.id and _is_later(word, person):
                person.badge_event, person.badge_at = word.event_id, word.at
    owner = None
    for person in people:
        if person.badge_event == enrolment.event_id:
            owner = person
        elif person.badge_tag == tag_id or person.badge_event in own:
            _change(person, {"badge_tag": None}, version)
    # What is taken goes first: the index allows a badge one owner.
    session.flush()
    if owner is not None:
        _change(owner, {"badge_tag": tag_id}, version)


def _is_later(word: _Word, person: PersonRow) -> bool:
    if person.badge_event is None or person.badge_at is None:
        return True
    return word.stamp > (person.badge_at, person.badge_event)


def _change(row: Mirrored, values: dict[str, object], version: int) -> None:
    """Stations hear of a row only if it says something else than before."""
    if any(getattr(row, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(row, name, value)
        row.version = version
