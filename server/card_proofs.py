"""What the claim card said when a booth read it, verified where the keys are.

The booth reads the card at issue, which lifts its counter over every link that was read out of
it before. A secure card that proves nothing, or something else, is an alarm for a person: the
event stands, because what happened has happened.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, states
from server import cards, visits
from server.card_keys import CardSecret, card_secret
from server.cards import Reading
from server.config import Config
from server.master_key import MasterKey
from server.models import EventRow, TagRow

_SOURCE = {events.VISIT_RECEIVED: cards.ISSUE, events.VISIT_HANDED_OVER: cards.HAND_OVER}


@dataclass(frozen=True, slots=True)
class _Claim:
    """One event at which a claim tag was read, or should have been."""

    event: EventRow
    source: str
    tag_id: str | None
    url: str | None


def note(
    session: Session, config: Config, key: MasterKey, rows: Iterable[EventRow], now: datetime
) -> None:
    """Verify what new events say of claim cards, lift their counters and keep the verdicts.

    The rows are those of this batch that were not known before, so nothing is verified twice.
    """
    claims = _claims(session, [row for row in rows if row.type in _SOURCE])
    if not claims:
        return
    secure = _secure(session, {claim.tag_id for claim in claims if claim.tag_id is not None})
    secret = card_secret(key)
    for claim in claims:
        reading = _judge(session, secret, claim, claim.tag_id in secure, now)
        if reading is not None:
            cards.keep(session, config, reading, now)


def _claims(session: Session, rows: Collection[EventRow]) -> list[_Claim]:
    if not rows:
        return []
    ids = [row.visit_id for row in rows if row.visit_id is not None]
    held = {visit.id: visit.claim_tag for visit in visits.load_rows(session, ids)}
    claims = []
    for row in rows:
        data = json.loads(row.line)["data"]
        url = data.get("claim_url")
        if row.type == events.VISIT_RECEIVED:
            tag_id = data.get("claim_tag")
        else:
            tag_id = held.get(row.visit_id or "")
            if data["proof"] != states.PROOF_CLAIM_TAG and url is None:
                continue
        if tag_id is not None or url is not None:
            claims.append(_Claim(row, _SOURCE[row.type], tag_id, url))
    return claims


def _secure(session: Session, tag_ids: Collection[str]) -> set[str]:
    return set(session.scalars(select(TagRow.id).where(TagRow.id.in_(tag_ids), TagRow.is_secure)))


def _judge(
    session: Session, secret: CardSecret, claim: _Claim, is_secure: bool, now: datetime
) -> Reading | None:
    """The verdict; None for a plain tag, from which nobody expects a proof."""
    read = None if claim.url is None else cards.read_link(secret, claim.url)
    if read is not None and claim.tag_id in (None, read.tag):
        is_fresh = cards.lift(session, read.tag, read.counter, now)
        verdict = cards.PROVED if is_fresh else cards.STALE
        return _reading(claim, verdict, read.tag, read.counter)
    if not is_secure:
        return None
    verdict = cards.NOT_PROVED if claim.url is None else cards.NOT_OURS
    return _reading(claim, verdict, claim.tag_id, None)


def _reading(claim: _Claim, verdict: str, tag_id: str | None, counter: int | None) -> Reading:
    row = claim.event
    return Reading(claim.source, verdict, tag_id, counter, row.visit_id, row.event_id)
