"""The driver's link: a token that is derived when needed and stored only as its hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.master_key import MasterKey
from server.models import LinkRow, VisitRow


def token_of(key: MasterKey, visit_id: str) -> str:
    """The visit's token: 128 bits as 22 URL-safe characters, the same each time.

    Derived, so that a message that waits in the outbox need not hold it.
    """
    return base64.urlsafe_b64encode(key.derive("link", visit_id)[:16]).decode().rstrip("=")


def open_link(session: Session, key: MasterKey, visit_id: str, now: datetime) -> None:
    """Make the link of a new visit."""
    token_hash = hash_of(token_of(key, visit_id))
    session.add(LinkRow(token_hash=token_hash, visit_id=visit_id, created_at=now, expires_at=None))


def expire_links(session: Session, ends_at: Mapping[str, datetime]) -> None:
    """Let the links of these visits end with the time in which a claim may be made."""
    for link in session.scalars(select(LinkRow).where(LinkRow.visit_id.in_(ends_at))):
        link.expires_at = ends_at[link.visit_id]


def keep_link(session: Session, visit_id: str) -> None:
    """Let the links of an open visit have no end."""
    session.execute(
        update(LinkRow)
        .where(LinkRow.visit_id == visit_id, LinkRow.expires_at.is_not(None))
        .values(expires_at=None)
    )


def find_visit(session: Session, token: str, now: datetime) -> VisitRow:
    """The visit behind a token, or `Refusal` `unknown_link` / `expired_link`."""
    link = session.get(LinkRow, hash_of(token))
    visit = None if link is None else session.get(VisitRow, link.visit_id)
    if link is None or visit is None:
        raise Refusal("unknown_link")
    if link.expires_at is not None and link.expires_at <= now:
        raise Refusal("expired_link")
    return visit


def hash_of(token: str) -> str:
    """What is stored of a token; 128 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
