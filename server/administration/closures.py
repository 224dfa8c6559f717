"""Closures as administrators make them, once or every week. The planner obeys at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from schemas.district import Closure, ClosureSchema
from schemas.problems import Refusal
from server import closures_told
from server.administration.names import free_id
from server.administration.record import (
    ARCHIVED,
    CHANGED,
    CLOSURE,
    CREATED,
    RESTORED,
    Act,
    BadForm,
    Subject,
    Values,
    check_edition,
    note,
)
from server.config import Config
from server.dispatch.replan import replan
from server.district import next_version
from server.models import ClosureRow, PlaceRow

EDITED = (
    "name",
    "place_id",
    "from_place_id",
    "to_place_id",
    "from_at",
    "until_at",
    "weekdays",
    "from_time",
    "until_time",
)
_SCHEMA = ClosureSchema()
# What is wrong with where or when is one fault of several fields.
_ALL = "_schema"


def values_of(row: ClosureRow) -> dict[str, Any]:
    """What a form shows and changes, as JSON has it."""
    values: dict[str, Any] = {name: getattr(row, name) for name in EDITED}
    for name in ("from_at", "until_at"):
        at: datetime | None = values[name]
        values[name] = None if at is None else at.astimezone(UTC).isoformat()
    return values


def add(session: Session, config: Config, typed: Values, act: Act) -> str:
    """A new closure; its id. Raises `BadForm`."""
    version = next_version(session)
    before_told = closures_told.told(session, act.now)
    closure_id = free_id(session, ClosureRow, str(typed.get("name", "")), CLOSURE)
    row = ClosureRow(id=closure_id, is_active=True, edited_at=act.now)
    _fill(row, _read(session, closure_id, typed))
    session.add(row)
    note(session, act, _subject(row), CREATED, None, values_of(row))
    closures_told.tell(session, before_told, version, act.now)
    replan(session, config, version, act.now)
    return closure_id


def save(
    session: Session, config: Config, closure_id: str, typed: Values, edition: str, act: Act
) -> None:
    """Change a closure. Raises `Refusal` `unknown_closure`, `Stale`, `BadForm`."""
    version = next_version(session)
    row, before_told = get(session, closure_id), closures_told.told(session, act.now)
    before = values_of(row)
    check_edition(before, edition)
    _fill(row, _read(session, closure_id, typed))
    if values_of(row) == before:
        return
    row.edited_at = act.now
    note(session, act, _subject(row), CHANGED, before, values_of(row))
    closures_told.tell(session, before_told, version, act.now)
    replan(session, config, version, act.now)


def set_active(
    session: Session, config: Config, closure_id: str, act: Act, *, is_active: bool
) -> None:
    """Archive a closure, which opens the way at once, or bring it back. Raises `Refusal`
    `unknown_closure`."""
    version = next_version(session)
    row, before_told = get(session, closure_id), closures_told.told(session, act.now)
    if row.is_active == is_active:
        return
    row.is_active, row.edited_at = is_active, act.now
    action = RESTORED if is_active else ARCHIVED
    before: Mapping[str, Any] = {"is_archived": is_active}
    note(session, act, _subject(row), action, before, {"is_archived": not is_active})
    closures_told.tell(session, before_told, version, act.now)
    replan(session, config, version, act.now)


def get(session: Session, closure_id: str) -> ClosureRow:
    """The closure, or `Refusal("unknown_closure")`."""
    row = session.get(ClosureRow, closure_id)
    if row is None:
        raise Refusal("unknown_closure")
    return row


def _subject(row: ClosureRow) -> Subject:
    return Subject(CLOSURE, row.id, row.name)


def _read(session: Session, closure_id: str, typed: Values) -> Closure:
    try:
        closure: Closure = _SCHEMA.load({**typed, "id": closure_id})
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise BadForm(_faults(messages, typed)) from None
    ends = ("place_id", "from_place_id", "to_place_id")
    named = {name: end for name in ends if (end := getattr(closure, name)) is not None}
    wrong = [name for name, end in named.items() if session.get(PlaceRow, end) is None]
    if closure.from_place_id is not None and closure.from_place_id == closure.to_place_id:
        wrong.append("to_place_id")
    if wrong:
        raise BadForm(wrong)
    return closure


def _faults(messages: Mapping[str, Any], typed: Values) -> set[str]:
    faults = {str(name) for name in messages if name != _ALL}
    if _ALL not in messages:
        return faults
    is_way = None not in (typed.get("from_place_id"), typed.get("to_place_id"))
    if is_way == (typed.get("place_id") is not None):
        faults |= {"place_id", "from_place_id", "to_place_id"}
    is_weekly = bool(typed.get("weekdays") or typed.get("from_time"))
    when = ("weekdays", "from_time", "until_time") if is_weekly else ("from_at", "until_at")
    return faults or set(when)


def _fill(row: ClosureRow, closure: Closure) -> None:
    for name in EDITED:
        setattr(row, name, getattr(closure, name))
    row.weekdays = list(closure.weekdays)
