"""Signing in on the web, step by step: each ends the session of the step before and opens the next.

Who has shown a password has an `OPEN` session only where no second factor is asked for, and none is
set up; else one that opens nothing but the page of what is lacking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Request
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.accounts import check_password
from server.app import Services
from server.models import PersonRow
from server.sessions import (
    APP_LACKING,
    CODE_LACKING,
    OPEN,
    Origin,
    SignedIn,
    close_session,
    find_session,
    open_session,
)
from server.sign_in import passkeys, record, second_factor
from server.sign_in.browsers import browser_of
from server.sign_in.passkey_proofs import Site


@dataclass(frozen=True, slots=True)
class Step:
    """The token of the session that is open now, and its stage."""

    token: str
    stage: str


def with_password(
    found: Services, old: str, person_id: str, password: str, origin: Origin, now: datetime
) -> Step:
    """A name and a password were sent. Raises `Refusal("bad_password")`."""
    try:
        person = check_password(found.database, found.config, person_id, password, now)
    except Refusal:
        _note(found, person_id, record.BY_PASSWORD, record.REFUSED, origin, now)
        raise

    def work(session: Session) -> Step:
        stage = _lacking(session, found, person)
        if stage == OPEN:
            _done(session, found, person.id, origin, now)
        close_session(session, old)
        token = open_session(session, found.config, person.id, now, origin, stage)
        return Step(token, stage)

    return found.database.write(work)


def with_code(found: Services, old: str, code: str, origin: Origin, now: datetime) -> Step:
    """The second factor was shown. Raises `Refusal` `not_signed_in` without the step before,
    `bad_code`, `too_many_tries`."""
    person = at_step(found, old, CODE_LACKING, now).person
    try:
        how = second_factor.check(found.database, found.config, found.key, person.id, code, now)
    except Refusal:
        _note(found, person.id, second_factor.BY_APP, record.REFUSED, origin, now)
        raise
    return _opened(found, old, person.id, Origin(how, origin.network, origin.browser), now)


def with_new_app(
    found: Services, old: str, code: str, origin: Origin, now: datetime
) -> tuple[Step, list[str]]:
    """The app was set up on the way in; also the recovery codes. Raises `Refusal` as
    `with_code`."""
    person = at_step(found, old, APP_LACKING, now).person
    codes = second_factor.confirm(found.database, found.config, found.key, person.id, code, now)
    how = Origin(second_factor.BY_APP, origin.network, origin.browser)
    return _opened(found, old, person.id, how, now), codes


def with_passkey(
    found: Services, site: Site, old: str, cookie: str, answer: str, origin: Origin, now: datetime
) -> Step:
    """A passkey was shown, which is both factors. Raises `Refusal("bad_passkey")`."""
    shown = found.database.write(
        lambda session: passkeys.show(session, found.key, site, cookie, answer, now)
    )
    if not shown.is_right or shown.person_id is None:
        if shown.person_id is not None:
            _note(found, shown.person_id, passkeys.BY_PASSKEY, record.REFUSED, origin, now)
        raise Refusal("bad_passkey")
    return _opened(found, old, shown.person_id, origin, now)


def with_city_account(
    found: Services, old: str, person_id: str, origin: Origin, now: datetime
) -> Step:
    """The city vouches for the person, second factor and all."""
    return _opened(found, old, person_id, origin, now)


def origin_of(asked: Request, how: str) -> Origin:
    """How and from where a request signs in."""
    network = record.network_of(asked.remote_addr)
    return Origin(how, network, str(browser_of(asked.headers.get("User-Agent", ""))))


def at_step(found: Services, token: str, stage: str, now: datetime) -> SignedIn:
    """Who is at this step. Raises `Refusal("not_signed_in")`."""
    here = found.database.read(lambda session: find_session(session, token, now, stage))
    if here is None:
        raise Refusal("not_signed_in")
    return here


def _lacking(session: Session, found: Services, person: PersonRow) -> str:
    if second_factor.is_kept(session, person.id):
        return CODE_LACKING
    return APP_LACKING if second_factor.is_needed(found.config, person) else OPEN


def _opened(found: Services, old: str, person_id: str, origin: Origin, now: datetime) -> Step:
    def work(session: Session) -> Step:
        _done(session, found, person_id, origin, now)
        close_session(session, old)
        return Step(open_session(session, found.config, person_id, now, origin), OPEN)

    return found.database.write(work)


def _done(session: Session, found: Services, person_id: str, origin: Origin, now: datetime) -> None:
    record.note(session, found.config, person_id, origin.how, record.DONE, origin.network, now)


def _note(
    found: Services, person_id: str, how: str, outcome: str, origin: Origin, now: datetime
) -> None:
    found.database.write(
        lambda session: record.note(
            session, found.config, person_id, how, outcome, origin.network, now
        )
    )
