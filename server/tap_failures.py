"""Failed taps: how many an address, or a card, may make in a while before nobody listens.

Kept under keyed digests: the table tells nobody which addresses were here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from server.config import Config
from server.database import insert_missing
from server.master_key import MasterKey
from server.models import TapFailureRow
from server.network_address import network_of

_PURPOSE = "tap-failures"


@dataclass(frozen=True, slots=True)
class Suspect:
    """Whom failures are counted against, and how many are too many."""

    key: str
    limit: int


def suspects(
    config: Config, key: MasterKey, address: str | None, uid: str | None
) -> tuple[Suspect, ...]:
    """Those of one tap: the address it comes from, and the card it names if it names one."""
    network = key.derive(_PURPOSE, "address", network_of(address)).hex()
    found = [Suspect(network, config.tap_failures_per_address)]
    if uid is not None:
        card = key.derive(_PURPOSE, "card", uid).hex()
        found.append(Suspect(card, config.tap_failures_per_card))
    return tuple(found)


def is_too_many(session: Session, config: Config, people: Iterable[Suspect], now: datetime) -> bool:
    """Whether any of them has failed too often of late."""
    over = [
        (TapFailureRow.key == one.key) & (TapFailureRow.failures >= one.limit) for one in people
    ]
    fresh = TapFailureRow.begun_at > _oldest(config, now)
    return session.scalar(select(TapFailureRow.key).where(or_(*over), fresh).limit(1)) is not None


def count(session: Session, config: Config, people: Iterable[Suspect], now: datetime) -> None:
    """Note one failure of each, and forget those whose while is over."""
    oldest = _oldest(config, now)
    session.execute(delete(TapFailureRow).where(TapFailureRow.begun_at <= oldest))
    # In one order, so that two who name the same ones do not wait for each other.
    for one in sorted(people, key=lambda suspect: suspect.key):
        insert_missing(session, TapFailureRow, key=one.key, failures=0, begun_at=now)
        session.execute(
            update(TapFailureRow)
            .where(TapFailureRow.key == one.key)
            .values(failures=TapFailureRow.failures + 1),
            execution_options={"synchronize_session": False},
        )


def _oldest(config: Config, now: datetime) -> datetime:
    return now - timedelta(seconds=config.tap_failures_s)
