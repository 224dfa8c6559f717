"""Sessions: signed-in browsers. What a cookie holds is worth nothing once the row is gone.

Every step of signing in gives a new token. A session in any other stage than `OPEN` opens nothing
but the step that is lacking.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request, Response
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from server.accounts import may_sign_in
from server.config import Config
from server.guarding import cookies
from server.models import PersonRow, SessionRow

OPEN = "open"
CODE_LACKING = "code"
APP_LACKING = "app"
"""The code of the authenticator app is lacking, or the app itself."""

_TOKEN_BYTES = 32
_COOKIE = "valet"
_NAME_DIGITS = 16
_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Origin:
    """How somebody signed in and from where, for them to know the session by."""

    how: str = ""
    network: str = ""
    browser: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, and whose it is."""

    person: PersonRow
    row: SessionRow


def open_session(
    session: Session,
    config: Config,
    person_id: str,
    now: datetime,
    origin: Origin = Origin(),
    stage: str = OPEN,
) -> str:
    """Sign a person in: the token for the cookie, 256 random bits, kept only as its SHA-256."""
    is_over = or_(SessionRow.expires_at <= now, SessionRow.idle_at <= now)
    session.execute(delete(SessionRow).where(is_over))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    lasts_s = config.session_s if stage == OPEN else config.sign_in_step_s
    session.add(
        SessionRow(
            token_hash=_hash_of(token),
            person_id=person_id,
            created_at=now,
            expires_at=now + timedelta(seconds=lasts_s),
            stage=stage,
            seen_at=now,
            idle_at=now + timedelta(seconds=config.session_idle_s),
            how=origin.how,
            network=origin.network,
            browser=origin.browser,
        )
    )
    return token


def find_session(session: Session, token: str, now: datetime, stage: str = OPEN) -> SignedIn | None:
    """The session of this token in this stage; None once it is over or the person may no
    longer."""
    row = session.get(SessionRow, _hash_of(token))
    if row is None or row.stage != stage or row.expires_at <= now:
        return None
    if row.idle_at is not None and row.idle_at <= now:
        return None
    person = session.get(PersonRow, row.person_id)
    if person is None or not may_sign_in(person):
        return None
    return SignedIn(person, row)


def find_person(session: Session, token: str, now: datetime) -> PersonRow | None:
    """Who is signed in with this token; nobody as long as a step is lacking."""
    found = find_session(session, token, now)
    return None if found is None else found.person


def is_seen_late(row: SessionRow, now: datetime) -> bool:
    """Whether it is time to write down that the session is used."""
    return row.seen_at is None or now - row.seen_at >= _SEEN_EVERY


def note_seen(session: Session, config: Config, token: str, now: datetime) -> None:
    """Somebody looks at a page: the session goes on."""
    idle_at = now + timedelta(seconds=config.session_idle_s)
    session.execute(
        update(SessionRow)
        .where(SessionRow.token_hash == _hash_of(token))
        .values(seen_at=now, idle_at=idle_at)
    )


def sessions_of(session: Session, person_id: str, now: datetime) -> Sequence[SessionRow]:
    """Where somebody is signed in, the last used first."""
    rows = select(SessionRow).where(
        SessionRow.person_id == person_id,
        SessionRow.stage == OPEN,
        SessionRow.expires_at > now,
        or_(SessionRow.idle_at.is_(None), SessionRow.idle_at > now),
    )
    return session.scalars(rows.order_by(SessionRow.seen_at.desc())).all()


def name_of(row: SessionRow) -> str:
    """What a page calls a session: a part of the hash, which opens nothing."""
    return row.token_hash[:_NAME_DIGITS]


def is_of(row: SessionRow, token: str) -> bool:
    """Whether this is the token's session."""
    return row.token_hash == _hash_of(token)


def close_session(session: Session, token: str) -> None:
    """Sign out: the token is dead from now on, whoever holds a copy of the cookie."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == _hash_of(token)))


def close_named(session: Session, person_id: str, name: str) -> None:
    """End one of somebody's sessions by its name on the page."""
    if len(name) == _NAME_DIGITS:
        of_name = SessionRow.token_hash.startswith(name, autoescape=True)
        session.execute(delete(SessionRow).where(SessionRow.person_id == person_id, of_name))


def close_all(session: Session, person_id: str) -> None:
    """Sign somebody out everywhere."""
    session.execute(delete(SessionRow).where(SessionRow.person_id == person_id))


def token_of(asked: Request) -> str:
    """The token in a request's cookie; empty without one."""
    return cookies.read(asked, _COOKIE)


def give_cookie(asked: Request, answer: Response, token: str, config: Config) -> None:
    """Put the token into the cookie."""
    cookies.give(asked, answer, _COOKIE, token, config.session_s)


def take_cookie(asked: Request, answer: Response) -> None:
    """Let the browser forget the cookie."""
    cookies.take_back(asked, answer, _COOKIE)


def _hash_of(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
