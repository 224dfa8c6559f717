"""People as administrators change them: roles, licences, breaks, and who may sign in."""

from __future__ import annotations

import secrets
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.district import ADMINISTRATOR, MANAGER, Person, PersonSchema
from schemas.problems import Refusal
from server.accounts import may_sign_in, set_password
from server.administration.names import free_id
from server.administration.record import (
    ARCHIVED,
    CHANGED,
    CREATED,
    LOCKED,
    PASSWORD,
    PERSON,
    RESTORED,
    SECOND_FACTOR,
    UNLOCKED,
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
from server.models import AccountRow, PersonRow
from server.sessions import close_all
from server.sign_in import passkeys, pins, second_factor

EDITED = ("name", "roles", "may_drive", "licences", "licence_until", "breaks")
_SCHEMA = PersonSchema()
_LOOKS_AFTER = frozenset({MANAGER, ADMINISTRATOR})
# Crockford's letters without vowels: nothing to misread aloud, and no words by chance.
_LETTERS = "23456789bcdfghjkmnpqrstvwxyz"
_PASSWORD_GROUPS = (4, 4, 4)


def values_of(row: PersonRow) -> dict[str, Any]:
    """What a form shows and changes, as JSON has it. The badge is not among it: tags have a page
    of their own."""
    return {name: getattr(row, name) for name in EDITED}


def add(session: Session, config: Config, typed: Values, act: Act) -> str:
    """Somebody new; the id, which is also the name to sign in with. Raises `BadForm`."""
    version = next_version(session)
    person_id = free_id(session, PersonRow, str(typed.get("name", "")), PERSON)
    row = PersonRow(id=person_id, version=version, is_active=True, edited_at=act.now)
    _fill(row, _read(person_id, typed))
    session.add(row)
    note(session, act, _subject(row), CREATED, None, values_of(row))
    session.flush()
    replan(session, config, version, act.now)
    return person_id


def save(
    session: Session, config: Config, person_id: str, typed: Values, edition: str, act: Act
) -> None:
    """Change somebody; other roles sign them out. Raises `Refusal` `unknown_person`, `Stale`,
    `BadForm`, `last_manager` for the last one who could sign in as one, and `own_roles`: nobody
    changes those."""
    version = next_version(session)
    row = get(session, person_id)
    before = values_of(row)
    check_edition(before, edition)
    _fill(row, _read(person_id, typed))
    if values_of(row) == before:
        return
    if row.roles != before["roles"]:
        if act.by == person_id:
            raise Refusal("own_roles")
        close_all(session, person_id)
    _settle(session, row, version, act)
    note(session, act, _subject(row), CHANGED, before, values_of(row))
    session.flush()
    replan(session, config, version, act.now)


def set_active(
    session: Session, config: Config, person_id: str, act: Act, *, is_active: bool
) -> None:
    """Archive somebody, who is signed out at once and whose badge opens nothing; or bring them
    back. Raises `Refusal` `unknown_person`, `last_manager`."""
    version = next_version(session)
    row = get(session, person_id)
    if row.is_active == is_active:
        return
    row.is_active = is_active
    _settle(session, row, version, act)
    action = RESTORED if is_active else ARCHIVED
    before, after = {"is_archived": is_active}, {"is_archived": not is_active}
    note(session, act, _subject(row), action, before, after)
    session.flush()
    replan(session, config, version, act.now)


def reset_password(session: Session, person_id: str, act: Act) -> str:
    """Give somebody with pages on the web a new password, which is shown this once; whoever was
    signed in with the old one no longer is. Raises `Refusal` `unknown_person`, `not_allowed`."""
    next_version(session)
    row = get(session, person_id)
    password = "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(count)) for count in _PASSWORD_GROUPS
    )
    set_password(session, person_id, password)
    close_all(session, person_id)
    note(session, act, _subject(row), PASSWORD, None, None)
    return password


def change_own_password(session: Session, person_id: str, password: str, act: Act) -> None:
    """Somebody's own new password; whoever was signed in with the old one no longer is. Raises
    `Refusal` as `set_password`."""
    next_version(session)
    row = get(session, person_id)
    set_password(session, person_id, password)
    close_all(session, person_id)
    note(session, act, _subject(row), PASSWORD, None, None)


def reset_second_factor(session: Session, person_id: str, act: Act) -> None:
    """Forget somebody's authenticator app, who sets up another one at the next sign-in, and all
    passkeys; they are signed out. Raises `Refusal` `unknown_person`, and `own_roles` for one's own:
    that is done with a recovery code."""
    next_version(session)
    row = get(session, person_id)
    if act.by == person_id:
        raise Refusal("own_roles")
    second_factor.reset(session, person_id)
    passkeys.forget(session, person_id)
    close_all(session, person_id)
    note(session, act, _subject(row), SECOND_FACTOR, None, None)


def lock(session: Session, person_id: str, act: Act, *, is_locked: bool) -> None:
    """Let somebody sign in nowhere, at no station and on no page; or again, with all wrong tries
    forgiven. Raises `Refusal` `unknown_person`, and `own_roles`: nobody locks themselves out."""
    row = get(session, person_id)
    if act.by == person_id:
        raise Refusal("own_roles")
    is_new = pins.set_locked(session, person_id, is_locked=is_locked, now=act.now)
    if is_locked:
        close_all(session, person_id)
    else:
        account = session.get(AccountRow, person_id)
        if account is not None:
            account.wrong_tries, account.locked_until = 0, None
        second_factor.forgive(session, person_id)
    if is_new or not is_locked:
        note(session, act, _subject(row), LOCKED if is_locked else UNLOCKED, None, None)


def get(session: Session, person_id: str) -> PersonRow:
    """The person, or `Refusal("unknown_person")`."""
    row = session.get(PersonRow, person_id)
    if row is None:
        raise Refusal("unknown_person")
    return row


def _subject(row: PersonRow) -> Subject:
    return Subject(PERSON, row.id, row.name)


def _read(person_id: str, typed: Values) -> Person:
    document = {name: typed[name] for name in EDITED if name in typed}
    try:
        person: Person = _SCHEMA.load({**document, "id": person_id})
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise BadForm(map(str, messages)) from None
    return person


def _fill(row: PersonRow, person: Person) -> None:
    row.name, row.roles = person.name, list(person.roles)
    row.may_drive, row.licence_until = person.may_drive, person.licence_until
    row.licences = None if person.licences is None else list(person.licences)
    row.breaks = [
        {"from_time": each.from_time, "until_time": each.until_time} for each in person.breaks
    ]


def _settle(session: Session, row: PersonRow, version: int, act: Act) -> None:
    """What follows from roles and from working here."""
    row.version, row.edited_at = version, act.now
    session.flush()
    if not _has_manager(session):
        raise Refusal("last_manager")
    if not may_sign_in(row):
        close_all(session, row.id)


def _has_manager(session: Session) -> bool:
    """Whether anybody can still come in and change something; so it is asked after each change
    of a person, once there is somebody to ask."""
    with_password = select(PersonRow).join(AccountRow, AccountRow.person_id == PersonRow.id)
    people = session.scalars(with_password).all()
    return not people or any(
        row.is_active and not _LOOKS_AFTER.isdisjoint(row.roles) for row in people
    )
