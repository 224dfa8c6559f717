"""Cards that prove themselves: what a link of theirs is worth, and how far each has counted.

A link that holds proves that the card was read, not when: whoever kept one from an earlier
reading has it still. So a counter is taken only if it is higher than any before, by one UPDATE
that says so itself; of two who bring the same link at once, one wins. A card whose counter began
anew, because somebody made it a second time, stays stale until it has passed its old count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from schemas.sun import SunError, SunRead, decrypt_picc, read_sun_url, verify_sun
from server.card_keys import CardSecret
from server.compare_and_set import changed
from server.config import Config
from server.database import insert_missing
from server.models import CardReadRow, CardRow

PROVED = "proved"
STALE = "stale"
# Nothing was said at all.
NOT_PROVED = "not_proved"
# What was said is not what this card of ours would say.
NOT_OURS = "not_ours"
VERDICTS = (PROVED, STALE, NOT_PROVED, NOT_OURS)
# A person looks at these; a stale one is what an event that comes late looks like.
ALARMING = (NOT_PROVED, NOT_OURS)

TAP = "tap"
ISSUE = "issue"
HAND_OVER = "hand_over"

# A card that has never been read counts from 0 on.
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a card, to be kept for a while."""

    source: str
    verdict: str
    tag_id: str | None
    counter: int | None = None
    visit_id: str | None = None
    event_id: str | None = None


def read_link(secret: CardSecret, url: str) -> SunRead | None:
    """What a link proves by its MAC; None for every other one. Looks at no counter."""
    try:
        message = read_sun_url(url)
    except SunError:
        return None
    return verify_sun(message, secret.meta, secret.file)


def named_in(secret: CardSecret, url: str) -> str | None:
    """The UID that a link names without proof, None if it names none."""
    try:
        named = decrypt_picc(read_sun_url(url), secret.meta)
    except SunError:
        return None
    return None if named is None else named[0]


def last_counter(session: Session, tag_id: str) -> int | None:
    """The highest counter that the card has proved, None for one that never did."""
    row = session.get(CardRow, tag_id)
    return None if row is None else row.last_counter


def lift(session: Session, tag_id: str, counter: int, now: datetime) -> bool:
    """Take a counter that was proved, if it is higher than any before; whether it was."""
    insert_missing(session, CardRow, tag_id=tag_id, last_counter=_NEVER, proved_at=None)
    higher = (CardRow.tag_id == tag_id, CardRow.last_counter < counter)
    return changed(session, CardRow, higher, {"last_counter": counter, "proved_at": now}) == 1


def keep(session: Session, config: Config, reading: Reading, now: datetime) -> None:
    """Note a reading, and forget those that are older than the configuration says."""
    oldest = now - timedelta(seconds=config.card_reads_keep_s)
    session.execute(delete(CardReadRow).where(CardReadRow.at < oldest))
    session.add(
        CardReadRow(
            id=uuid7(now),
            at=now,
            source=reading.source,
            verdict=reading.verdict,
            tag_id=reading.tag_id,
            counter=reading.counter,
            visit_id=reading.visit_id,
            event_id=reading.event_id,
            seen_at=None,
            seen_by=None,
        )
    )
