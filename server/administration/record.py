"""The record of what administrators change: who, when, of what, why, and both values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from schemas.ids import uuid7
from schemas.problems import Refusal
from server.models import ChangeRow
from server.stations import check_reason

PLACE = "place"
CLOSURE = "closure"
TARIFF = "tariff"
PERSON = "person"
TEXT = "text"
STATION = "station"
TAG = "tag"
REPORT = "report"
DRIVER = "driver"
KINDS = (PLACE, CLOSURE, TARIFF, PERSON, TEXT, STATION, TAG, REPORT, DRIVER)

CREATED = "created"
CHANGED = "changed"
ARCHIVED = "archived"
RESTORED = "restored"
WITHDRAWN = "withdrawn"
PASSWORD = "password"  # noqa: S105 (the name of an action)
ENROLLED = "enrolled"
REVOKED = "revoked"
PIN = "pin"
LOCKED = "locked"
UNLOCKED = "unlocked"
SECOND_FACTOR = "second_factor"
PASSKEY_ADDED = "passkey_added"
PASSKEY_REMOVED = "passkey_removed"
ERASED = "erased"
ACTIONS = (
    *(CREATED, CHANGED, ARCHIVED, RESTORED, WITHDRAWN, PASSWORD, ENROLLED, REVOKED),
    *(PIN, LOCKED, UNLOCKED, SECOND_FACTOR, PASSKEY_ADDED, PASSKEY_REMOVED, ERASED),
)

Values = Mapping[str, Any]
_EDITION_DIGITS = 16
# What a thing that is new does not say of itself.
_NOTHING: tuple[object, ...] = (None, "", [], ())


@dataclass(frozen=True, slots=True)
class Act:
    """A person changes something: who, why (a reason that was checked) and when."""

    by: str
    reason: str
    now: datetime


def act_of(by: str, reason: str, now: datetime) -> Act:
    """The act, once its reason says something. Raises `BadForm`."""
    try:
        return Act(by, check_reason(reason), now)
    except Refusal:
        raise BadForm(("reason",), code="reason_needed") from None


class BadForm(Refusal):
    """What was typed cannot be; `fields` names where, `code` why if there is a word for it."""

    def __init__(self, fields: Iterable[str], code: str = "bad_form") -> None:
        """`fields`: their names, as the values have them."""
        super().__init__(code)
        self.fields = frozenset(fields)


class Stale(Refusal):
    """Somebody else changed it since the form was made; `current`: what it is now."""

    def __init__(self, current: Values) -> None:
        """Both are shown, and a person decides."""
        super().__init__("stale_form")
        self.current = current


def edition_of(values: Values) -> str:
    """A short name for values: a form carries that of what it was made from."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_EDITION_DIGITS]


def check_edition(current: Values, edition: str) -> None:
    """Raises `Stale` for a form that was made from other values."""
    if edition_of(current) != edition:
        raise Stale(current)


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed: its kind, its id, and the name that people know it by."""

    kind: str
    id: str
    name: str


def note(
    session: Session,
    act: Act,
    subject: Subject,
    action: str,
    before: Values | None,
    after: Values | None,
) -> None:
    """Put a change on record, with the values that differ. Nobody ever takes it off again."""
    names = _differing(before or {}, after or {})
    session.add(
        ChangeRow(
            id=uuid7(act.now),
            at=act.now,
            person_id=act.by,
            kind=subject.kind,
            subject_id=subject.id,
            subject=subject.name,
            action=action,
            reason=act.reason,
            before=_only(before, names),
            after=_only(after, names),
        )
    )


def _differing(before: Values, after: Values) -> set[str]:
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and (before or after.get(name) not in _NOTHING)
    }


def _only(values: Values | None, names: Collection[str]) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: value for name, value in values.items() if name in names}
