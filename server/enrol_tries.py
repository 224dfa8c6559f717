"""How often enrolment codes may be tried in a while: by one address, and by all together.

Every try is counted before the code is looked at, so that many at once do not get more; one that
was good is taken off again. Kept under keyed digests: the table tells nobody which addresses were
here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.config import Config
from server.database import insert_missing
from server.master_key import MasterKey
from server.models import EnrolTryRow
from server.network_address import network_of

_PURPOSE = "enrol-tries"


def who(config: Config, key: MasterKey, address: str | None) -> dict[str, int]:
    """Under which keys a try of this address counts, and how many are too many."""
    return {
        key.derive(_PURPOSE, "address", network_of(address)).hex(): config.enrol_tries_per_address,
        key.derive(_PURPOSE, "all").hex(): config.enrol_tries_in_all,
    }


def is_blocked(session: Session, config: Config, limits: dict[str, int], now: datetime) -> bool:
    """Whether it has been tried too often already: asked first, because it costs no write."""
    rows = session.scalars(select(EnrolTryRow).where(EnrolTryRow.key.in_(limits)))
    oldest = _oldest(config, now)
    return any(row.begun_at > oldest and row.tries >= limits[row.key] for row in rows)


def count(session: Session, config: Config, limits: dict[str, int], now: datetime) -> bool:
    """Note one try; whether it is within the limits."""
    session.execute(delete(EnrolTryRow).where(EnrolTryRow.begun_at <= _oldest(config, now)))
    within = True
    # In one order, so that two who name the same ones do not wait for each other.
    for each in sorted(limits):
        insert_missing(session, EnrolTryRow, key=each, tries=0, begun_at=now)
        within &= _add(session, each, 1) <= limits[each]
    return within


def take_back(session: Session, limits: dict[str, int]) -> None:
    """The try that was counted last was good."""
    for each in sorted(limits):
        _add(session, each, -1)


def _add(session: Session, key: str, number: int) -> int:
    tries = session.scalar(
        update(EnrolTryRow)
        .where(EnrolTryRow.key == key)
        .values(tries=EnrolTryRow.tries + number)
        .returning(EnrolTryRow.tries),
        execution_options={"synchronize_session": False},
    )
    return tries or 0


def _oldest(config: Config, now: datetime) -> datetime:
    return now - timedelta(seconds=config.enrol_tries_s)
