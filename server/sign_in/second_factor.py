"""The second factor on the web: an authenticator app (TOTP, RFC 6238), or a code kept on paper.

A code is of six digits and of a step of 30 s; the one before and the one after are taken too, as
clocks differ. No step is taken twice. A try is counted before it is checked, on the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import pyotp
import structlog
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.master_key import MasterKey
from server.models import PersonRow, RecoveryCodeRow, SecondFactorRow

log = structlog.get_logger()

PURPOSE = "second-factor"
BY_APP, BY_RECOVERY_CODE = "app", "recovery_code"
STEP_S = 30
_STEPS_AROUND = (0, -1, 1)
_RECOVERY_CODES = 10
_LETTERS = "23456789bcdfghjkmnpqrstvwxyz"
_GROUPS, _GROUP_LETTERS = 3, 4
_IS_CODE = re.compile(r"[0-9]{6}")


def is_needed(config: Config, person: PersonRow) -> bool:
    """Whether one of the person's roles asks for a second factor."""
    return not config.second_factor_roles.isdisjoint(person.roles)


def is_kept(session: Session, person_id: str) -> bool:
    """Whether somebody has one that counts."""
    row = session.get(SecondFactorRow, person_id)
    return row is not None and row.confirmed_at is not None


def begin(session: Session, key: MasterKey, person_id: str, now: datetime) -> str:
    """A secret for an app that is to be set up (base 32), the same one until it is confirmed.
    Raises `Refusal("not_allowed")` where one counts already."""
    row = session.get(SecondFactorRow, person_id)
    if row is not None and row.confirmed_at is not None:
        raise Refusal("not_allowed")
    if row is not None:
        return _secret_of(key, row)
    secret = pyotp.random_base32()
    session.add(
        SecondFactorRow(
            person_id=person_id,
            sealed=key.seal(PURPOSE, person_id, secret.encode()),
            made_at=now,
            last_step=0,
            wrong_tries=0,
        )
    )
    return secret


def confirm(
    database: Database, config: Config, key: MasterKey, person_id: str, code: str, now: datetime
) -> list[str]:
    """The app shows the right code: from now on it counts. The recovery codes, shown this once.
    Raises `Refusal` `bad_code`, `too_many_tries`."""
    _check(database, config, key, person_id, code, now, is_kept=False)

    def work(session: Session) -> list[str]:
        row = session.get(SecondFactorRow, person_id)
        if row is None or row.confirmed_at is not None:
            raise Refusal("not_allowed")
        row.confirmed_at = now
        return make_recovery_codes(session, key, person_id, now)

    return database.write(work)


def check(
    database: Database, config: Config, key: MasterKey, person_id: str, code: str, now: datetime
) -> str:
    """Take a code of the app, or a recovery code; which of them it was. Raises `Refusal`
    `bad_code`, `too_many_tries` while a lock lasts."""
    return _check(database, config, key, person_id, code, now, is_kept=True)


def make_recovery_codes(
    session: Session, key: MasterKey, person_id: str, now: datetime
) -> list[str]:
    """New ones; those of before are worth nothing any more."""
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person_id))
    codes = [_new_code() for _ in range(_RECOVERY_CODES)]
    session.add_all(
        RecoveryCodeRow(digest=_digest(key, person_id, code), person_id=person_id, made_at=now)
        for code in codes
    )
    return codes


def reset(session: Session, person_id: str) -> None:
    """Forget the app and its codes: it is set up anew at the next sign-in."""
    for model in (SecondFactorRow, RecoveryCodeRow):
        session.execute(delete(model).where(model.person_id == person_id))


def forgive(session: Session, person_id: str) -> None:
    """Wrong tries count no more."""
    session.execute(
        update(SecondFactorRow)
        .where(SecondFactorRow.person_id == person_id)
        .values(wrong_tries=0, locked_until=None)
    )


def address_of(secret: str, person_id: str, district: str) -> str:
    """What the QR code says to an app (`otpauth://totp/…`)."""
    uri: str = pyotp.TOTP(secret).provisioning_uri(name=person_id, issuer_name=district)
    return uri


def step_of(secret: str, code: str, now: datetime, after: int) -> int | None:
    """The time step of a right code, if it is newer than `after`; else None."""
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_S
    found = None
    for around in _STEPS_AROUND:
        step = present + around
        # All are looked at, so that the time it takes says nothing.
        is_right = hmac.compare_digest(totp.generate_otp(step), code)
        if is_right and step > after and found is None:
            found = step
    return found


def _check(
    database: Database,
    config: Config,
    key: MasterKey,
    person_id: str,
    code: str,
    now: datetime,
    *,
    is_kept: bool,
) -> str:
    """Counted and checked in one transaction, which commits also what was wrong."""

    def work(session: Session) -> str:
        row = session.get(SecondFactorRow, person_id, with_for_update=True)
        if row is None or (row.confirmed_at is not None) != is_kept:
            return "bad_code"
        if row.locked_until is not None and row.locked_until > now:
            return "too_many_tries"
        how = _how(session, key, row, code, now)
        if how is not None:
            row.wrong_tries, row.locked_until = 0, None
            return how
        is_lock_over = row.locked_until is not None
        row.wrong_tries = 1 if is_lock_over else row.wrong_tries + 1
        row.locked_until = None
        if row.wrong_tries >= config.second_factor_tries_max:
            row.locked_until = now + timedelta(seconds=config.second_factor_lock_s)
            log.warning("second_factor_locked", person=person_id)
        return "bad_code"

    outcome = database.write(work)
    if outcome not in (BY_APP, BY_RECOVERY_CODE):
        raise Refusal(outcome)
    return outcome


def _how(
    session: Session, key: MasterKey, row: SecondFactorRow, code: str, now: datetime
) -> str | None:
    typed = re.sub(r"[\s-]", "", code).lower()
    if _IS_CODE.fullmatch(typed):
        step = step_of(_secret_of(key, row), typed, now, row.last_step)
        if step is None:
            return None
        row.last_step = step
        return BY_APP
    if row.confirmed_at is None:
        return None
    found = session.get(RecoveryCodeRow, _digest(key, row.person_id, typed))
    if found is None or found.used_at is not None:
        return None
    found.used_at = now
    return BY_RECOVERY_CODE


def _secret_of(key: MasterKey, row: SecondFactorRow) -> str:
    return key.unseal(PURPOSE, row.person_id, row.sealed).decode()


def _new_code() -> str:
    groups: Sequence[str] = [
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LETTERS)) for _ in range(_GROUPS)
    ]
    return "-".join(groups)


def _digest(key: MasterKey, person_id: str, code: str) -> str:
    # 57 random bits under a key that is not in the database need no slow hash.
    said = f"{person_id}\n{code.replace('-', '')}".encode()
    return hmac.digest(key.derive("recovery-code"), said, "sha256").hex()
