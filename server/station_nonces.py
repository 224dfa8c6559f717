"""Nonces of the stations' requests: each is taken once, in the transaction that it causes.

A row for each request, and not one window for each station: a station has two requests under way
at a time, which may overtake each other, and a row needs no lock that the two would share. It is
one insert in a transaction that most requests make anyway, the same for every process of the
cloud, and it outlives a restart. Older ones are deleted now and then; the time that is signed with
them (`clock_window_s`) is what keeps those out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.database import insert_missing
from server.models import StationNonceRow

log = structlog.get_logger()


def spend(session: Session, station_id: str, nonce: str, now: datetime) -> None:
    """Take a nonce. Raises `Refusal("replayed")` where it was taken before."""
    if not insert_missing(
        session, StationNonceRow, station_id=station_id, nonce=nonce, seen_at=now
    ):
        log.warning("request_replayed", station=station_id)
        raise Refusal("replayed")


def forget_old(session: Session, config: Config, station_id: str, now: datetime) -> None:
    """Delete the station's nonces whose time nobody would take any more."""
    # Signed as far ahead as may be, and seen at once, it is good for two windows.
    oldest = now - timedelta(seconds=2 * config.clock_window_s + 1)
    session.execute(
        delete(StationNonceRow).where(
            StationNonceRow.station_id == station_id, StationNonceRow.seen_at < oldest
        )
    )
