"""What the claim card said when a booth read it, verified where the keys are.

The booth reads the card at issue, which lifts its counter over every link that was read out of
it before. A secure card that proves nothing, or something else, is an alarm for a person: the
event stands, because what happened has happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, states
from server import cards
from server.bulk import table_of
from server.card_keys import CardSecret, card_secret
from server.cards import Reading
from server.config import Config
from server.master_key import MasterKey
from server.models import TagRow
from server.one_of import one_of
from server.recorded import Recorded
from server.visits import Change

_TAGS = table_of(TagRow)
_SECURE = select(_TAGS.c.id).where(one_of(_TAGS.c.id, "ids"), _TAGS.c.is_secure)
_SOURCE = {events.VISIT_RECEIVED: cards.ISSUE, events.VISIT_HANDED_OVER: cards.HAND_OVER}


@dataclass(frozen=True, slots=True)
class _Claim:
    """One event at which a claim tag was read, or should have been."""

    event: Recorded
    source: str
    tag_id: str | None
    url: str | None


def note(
    session: Session,
    config: Config,
    key: MasterKey,
    rows: Iterable[Recorded],
    changes: Sequence[Change],
    now: datetime,
) -> None:
    """Verify what new events say of claim cards, lift their counters and keep the verdicts.

    The rows are those of this batch that were not known before, so nothing is verified twice;
    `changes` are the visits that they changed.
    """
    claims = _claims([row for row in rows if row.type in _SOURCE], changes)
    if not claims:
        return
    secure = _secure(session, {claim.tag_id for claim in claims if claim.tag_id is not None})
    claims = [claim for claim in claims if claim.url is not None or claim.tag_id in secure]
    if not claims:
        return
    secret = card_secret(key)
    for claim in claims:
        reading = _judge(session, secret, claim, claim.tag_id in secure, now)
        if reading is not None:
            cards.keep(session, config, reading, now)


def _claims(rows: Collection[Recorded], changes: Sequence[Change]) -> list[_Claim]:
    held = {change.visit.id: change.visit.claim_tag for change in changes} if rows else {}
    claims = []
    for row in rows:
        data = row.event.data
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
    if not tag_ids:
        return set()
    return set(session.connection().scalars(_SECURE, {"ids": list(tag_ids)}))


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
