"""The driver's link: a token that is derived when needed and stored only as its hash."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.orm import Session

from schemas.district import TAG_ACTIVE
from schemas.problems import Refusal
from server import bulk
from server.bulk import table_of
from server.master_key import MasterKey
from server.models import LinkRow, TagRow, VisitRow

_LINKS = table_of(LinkRow)
_EXPIRE = (
    update(_LINKS)
    .where(
        _LINKS.c.visit_id == bindparam("of_visit_id"),
        ~_LINKS.c.by_tap,
        _LINKS.c.share_nonce.is_(None),
    )
    .values(expires_at=bindparam("end"))
)


def token_of(key: MasterKey, visit_id: str) -> str:
    """The visit's token: 128 bits as 22 URL-safe characters, the same each time.

    Derived, so that a message that waits in the outbox need not hold it.
    """
    return base64.urlsafe_b64encode(key.derive("link", visit_id)[:16]).decode().rstrip("=")


def open_links(
    session: Session, key: MasterKey, ends_at: Mapping[str, datetime | None], now: datetime
) -> None:
    """Make the links of new visits, by visit: without an end, or with the end of those that are
    over already."""
    bulk.append(
        session.connection(),
        _LINKS,
        [
            {
                "token_hash": hash_of(token_of(key, visit_id)),
                "visit_id": visit_id,
                "created_at": now,
                "expires_at": expires_at,
            }
            for visit_id, expires_at in ends_at.items()
        ],
    )


def expire_links(session: Session, ends_at: Mapping[str, datetime]) -> None:
    """Let the links of these visits end with the time in which a claim may be made. What a tap
    opened has an end of its own."""
    if ends_at:
        told = [{"of_visit_id": visit_id, "end": end} for visit_id, end in ends_at.items()]
        session.connection().execute(_EXPIRE, told)


def keep_link(session: Session, visit_id: str) -> None:
    """Let the links of an open visit have no end."""
    session.execute(
        update(LinkRow)
        .where(
            LinkRow.visit_id == visit_id,
            ~LinkRow.by_tap,
            LinkRow.share_nonce.is_(None),
            LinkRow.expires_at.is_not(None),
        )
        .values(expires_at=None)
    )


def open_tap(session: Session, visit_id: str, now: datetime, keep_s: int) -> str:
    """A token for whoever has just tapped the visit's claim card: 256 random bits, kept only as
    a hash, and good for `keep_s` seconds."""
    session.execute(delete(LinkRow).where(LinkRow.by_tap, LinkRow.expires_at <= now))
    token = secrets.token_urlsafe(32)
    ends_at = now + timedelta(seconds=keep_s)
    session.add(
        LinkRow(
            token_hash=hash_of(token),
            visit_id=visit_id,
            created_at=now,
            expires_at=ends_at,
            by_tap=True,
        )
    )
    return token


def find_visit(session: Session, token: str, now: datetime, *, by_tap: bool = False) -> VisitRow:
    """The visit behind a token, or `Refusal` `unknown_link` / `expired_link`.

    `by_tap`: the token is a cookie's. Neither kind opens what the other one does, a card that was
    lost meanwhile opens nothing more, and a link that was shared only its own page.
    """
    link, visit = find_link(session, token, now, by_tap=by_tap)
    if link.share_nonce is not None:
        raise Refusal("unknown_link")
    return visit


def find_link(
    session: Session, token: str, now: datetime, *, by_tap: bool = False
) -> tuple[LinkRow, VisitRow]:
    """As `find_visit`, but a shared link is let in too; it ends with the hand-over."""
    link = session.get(LinkRow, hash_of(token))
    visit = None if link is None else session.get(VisitRow, link.visit_id)
    if link is None or visit is None or link.by_tap != by_tap:
        raise Refusal("unknown_link")
    if by_tap and not _has_active_card(session, visit):
        raise Refusal("unknown_link")
    is_past = link.expires_at is not None and link.expires_at <= now
    if is_past or (link.share_nonce is not None and not visit.is_open):
        raise Refusal("expired_link")
    return link, visit


def share(
    session: Session, key: MasterKey, visit_id: str, now: datetime, *, may_fetch: bool
) -> None:
    """Make a second link for whoever fetches the car. There is one at a time: an earlier one
    ends."""
    withdraw(session, visit_id, now)
    nonce = secrets.token_hex(16)
    session.add(
        LinkRow(
            token_hash=hash_of(shared_token(key, visit_id, nonce)),
            visit_id=visit_id,
            created_at=now,
            share_nonce=nonce,
            may_fetch=may_fetch,
        )
    )
    session.flush()


def withdraw(session: Session, visit_id: str, now: datetime) -> None:
    """Let the shared link of a visit end now, if there is one."""
    session.execute(
        update(LinkRow)
        .where(LinkRow.visit_id == visit_id, LinkRow.share_nonce.is_not(None), _has_no_end())
        .values(expires_at=now)
    )


def shared_link(session: Session, visit_id: str) -> LinkRow | None:
    """The link that the driver has shared and not withdrawn."""
    return session.scalar(
        select(LinkRow).where(
            LinkRow.visit_id == visit_id, LinkRow.share_nonce.is_not(None), _has_no_end()
        )
    )


def shared_token(key: MasterKey, visit_id: str, nonce: str) -> str:
    """The token of a shared link: as long as the driver's own, derived and not kept."""
    return base64.urlsafe_b64encode(key.derive("share", visit_id, nonce)[:16]).decode().rstrip("=")


def _has_no_end() -> ColumnElement[bool]:
    return LinkRow.expires_at.is_(None)


def _has_active_card(session: Session, visit: VisitRow) -> bool:
    card = None if visit.claim_tag is None else session.get(TagRow, visit.claim_tag)
    return card is not None and card.status == TAG_ACTIVE


def hash_of(token: str) -> str:
    """What is stored of a token; 128 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
