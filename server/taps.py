"""A driver taps the claim card on a phone: the link it says opens the page of its visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.district import TAG_ACTIVE
from schemas.problems import Refusal
from schemas.sun import SunRead
from server import cards, links, tap_failures
from server.card_keys import card_secret, card_url
from server.cards import Reading
from server.config import Config
from server.database import Database
from server.master_key import MasterKey
from server.models import TagRow, VisitRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tap:
    """`said`: the query of the card's link as it came. `address`: where from. `held`: the token
    of an earlier tap that the browser still has, empty for none."""

    said: str
    address: str | None
    held: str


def take(database: Database, config: Config, key: MasterKey, tap: Tap, now: datetime) -> str | None:
    """The token that opens the page of the card's visit; None for every other tap.

    1. Whoever failed too often is not listened to.
    2. The MAC is checked, outside of any transaction that writes.
    3. The counter is lifted, and only a higher one opens; the same tap once more does so only
       in the browser that it has opened already (a form sent twice).
    4. A card that is lost, retired, unknown or in no open visit opens nothing.
    """
    secret, link = card_secret(key), f"{card_url(config)}?{tap.said}"
    people = tap_failures.suspects(config, key, tap.address, cards.named_in(secret, link))
    blocked = database.read(lambda s: tap_failures.is_too_many(s, config, people, now))
    read = None if blocked else cards.read_link(secret, link)
    token = None
    if read is not None:
        proved = read
        token = database.write(lambda s: _open(s, config, proved, tap.held, now))
    if token is None:
        log.info("tap_refused", proved=read is not None, throttled=blocked)
    if token is None and not blocked:
        database.write(lambda s: tap_failures.count(s, config, people, now))
    return token


def _open(session: Session, config: Config, read: SunRead, held: str, now: datetime) -> str | None:
    is_fresh = cards.lift(session, read.tag, read.counter, now)
    tag, visit = session.get(TagRow, read.tag), _visit_of(session, read.tag)
    if tag is not None:
        verdict = cards.PROVED if is_fresh else cards.STALE
        visit_id = None if visit is None else visit.id
        reading = Reading(cards.TAP, verdict, tag.id, read.counter, visit_id)
        cards.keep(session, config, reading, now)
    if tag is None or tag.status != TAG_ACTIVE or visit is None:
        return None
    if is_fresh:
        return links.open_tap(session, visit.id, now, config.tap_session_s)
    is_last = cards.last_counter(session, read.tag) == read.counter
    return held if is_last and _has_open(session, held, visit, now) else None


def _visit_of(session: Session, tag_id: str) -> VisitRow | None:
    """The open visit whose claim tag this is; None also where two claim it."""
    found = session.scalars(
        select(VisitRow).where(VisitRow.is_open, VisitRow.claim_tag == tag_id).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def _has_open(session: Session, held: str, visit: VisitRow, now: datetime) -> bool:
    try:
        return links.find_visit(session, held, now, by_tap=True).id == visit.id
    except Refusal:
        return False
