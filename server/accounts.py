"""Passwords: who may sign in on the web, and how many wrong tries are let pass."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from functools import cache

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.models import AccountRow, PersonRow, StaffPinRow
from server.permissions import has_pages

log = structlog.get_logger()

PASSWORD_CHARS_MIN = 8
PASSWORD_CHARS_MAX = 128
_DIFFERENT_CHARS_MIN = 4
# OWASP's minimum for Argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def set_password(session: Session, person_id: str, password: str) -> None:
    """Give a person a password, or a new one; it ends a lock.

    Raises `Refusal`: `unknown_person`, `not_allowed` for somebody whose roles have no
    pages, `bad_password` for one that is too short, too long or too plain.
    """
    person = session.get(PersonRow, person_id)
    if person is None:
        raise Refusal("unknown_person")
    if not may_sign_in(person):
        raise Refusal("not_allowed")
    _check_strength(person, password)
    account = session.get(AccountRow, person_id)
    if account is None:
        account = AccountRow(person_id=person_id)
        session.add(account)
    account.password_hash = _HASHER.hash(_normal(password))
    account.wrong_tries, account.locked_until = 0, None


def check_password(
    database: Database, config: Config, person_id: str, password: str, now: datetime
) -> PersonRow:
    """The person whose password this is. Raises `Refusal("bad_password")` in every other case.

    1. The try is counted before it is checked, so that many at once cannot outrun the count.
    2. The slow hash runs outside of any transaction, and also for somebody unknown or locked:
       neither the answer nor its time says who has an account.
    3. A right password takes the count back.
    """
    stored = database.write(lambda session: _take_try(session, config, person_id, now))
    is_right = _is_hash_of(stored or _nobodys_hash(), password)
    person = None
    if stored is not None and is_right:
        person = database.write(lambda session: _forgive(session, person_id))
    if person is None:
        log.warning("sign_in_refused", known=stored is not None)
        raise Refusal("bad_password")
    return person


def may_sign_in(person: PersonRow) -> bool:
    """Whether the person works here in a role that has pages of its own."""
    return person.is_active and has_pages(person)


def _take_try(session: Session, config: Config, person_id: str, now: datetime) -> str | None:
    """Count one try; the hash to check it against, or None where no password would do."""
    account = session.get(AccountRow, person_id, with_for_update=True)
    person = session.get(PersonRow, person_id)
    if account is None or person is None or not may_sign_in(person):
        return None
    staff_pin = session.get(StaffPinRow, person_id)
    if staff_pin is not None and staff_pin.is_locked:
        return None
    if account.locked_until is not None:
        if account.locked_until > now:
            return None
        account.wrong_tries, account.locked_until = 0, None
    account.wrong_tries += 1
    if account.wrong_tries >= config.password_tries_max:
        account.locked_until = now + timedelta(seconds=config.password_lock_s)
        log.warning("account_locked", person=person_id)
    return account.password_hash


def _forgive(session: Session, person_id: str) -> PersonRow | None:
    session.execute(
        update(AccountRow)
        .where(AccountRow.person_id == person_id)
        .values(wrong_tries=0, locked_until=None)
    )
    return session.get(PersonRow, person_id)


def _check_strength(person: PersonRow, password: str) -> None:
    plain = password.casefold()
    usable = (
        PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX
        and len(set(plain)) >= _DIFFERENT_CHARS_MIN
        and plain not in (person.id.casefold(), person.name.casefold())
    )
    if not usable:
        raise Refusal("bad_password", shortest=PASSWORD_CHARS_MIN, longest=PASSWORD_CHARS_MAX)


def _normal(password: str) -> str:
    # Keyboards differ in how they compose an accent; the password is the same.
    return unicodedata.normalize("NFC", password)


def _is_hash_of(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, _normal(password)[:PASSWORD_CHARS_MAX])
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")
