"""Sessions: signed-in browsers. What a cookie holds is worth nothing once the row is gone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from flask import Request, Response
from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.accounts import may_sign_in
from server.config import Config
from server.models import PersonRow, SessionRow

_TOKEN_BYTES = 32
_SECURE_NAME = "__Host-valet"
_PLAIN_NAME = "valet"


def open_session(session: Session, config: Config, person_id: str, now: datetime) -> str:
    """Sign a person in: the token for the cookie, 256 random bits, kept only as its SHA-256."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.add(
        SessionRow(
            token_hash=_hash_of(token),
            person_id=person_id,
            created_at=now,
            expires_at=now + timedelta(seconds=config.session_s),
        )
    )
    return token


def find_person(session: Session, token: str, now: datetime) -> PersonRow | None:
    """Who is signed in with this token; None once it is over or the person may no longer."""
    row = session.get(SessionRow, _hash_of(token))
    if row is None or row.expires_at <= now:
        return None
    person = session.get(PersonRow, row.person_id)
    return person if person is not None and may_sign_in(person) else None


def close_session(session: Session, token: str) -> None:
    """Sign out: the token is dead from now on, whoever holds a copy of the cookie."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == _hash_of(token)))


def token_of(asked: Request) -> str:
    """The token in a request's cookie; empty without one."""
    return asked.cookies.get(cookie_name(asked), "")


def give_cookie(asked: Request, answer: Response, token: str, config: Config) -> None:
    """Put the token into the cookie. Over TLS its name binds it to this host and to TLS."""
    answer.set_cookie(
        cookie_name(asked),
        token,
        max_age=config.session_s,
        secure=asked.is_secure,
        httponly=True,
        samesite="Lax",
    )


def take_cookie(asked: Request, answer: Response) -> None:
    """Let the browser forget the cookie."""
    answer.delete_cookie(cookie_name(asked), secure=asked.is_secure, httponly=True, samesite="Lax")


def cookie_name(asked: Request) -> str:
    """`__Host-valet` over TLS; browsers refuse that name without it (http on loopback)."""
    return _SECURE_NAME if asked.is_secure else _PLAIN_NAME


def _hash_of(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
