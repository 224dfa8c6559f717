"""The database's time, for processes on hosts whose clocks differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Session

from server import clock
from server.database import Database

log = structlog.get_logger()

_TOLD_FROM = timedelta(seconds=2)


class DatabaseTime:
    """Tells the time as the database has it: claims of several workers run out by one clock.

    A SQLite file has one host, whose clock is right by definition.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ahead = timedelta()
        self._is_told = False

    def compare(self) -> None:
        """Look how far the database's clock is ahead of ours; once in a while is enough."""
        if self._database.is_sqlite:
            return
        sent, theirs, came = self._database.read(_ask)
        # It was told somewhere between question and answer. A way that takes long says little, so
        # what was believed is only moved as far as it must be.
        least, most = theirs - came, theirs - sent
        self._ahead = min(max(self._ahead, least), most)
        is_far = abs(self._ahead) >= _TOLD_FROM
        if is_far and not self._is_told:
            log.warning("clock_differs", ahead_s=round(self._ahead.total_seconds(), 1))
        self._is_told = is_far

    def now(self) -> datetime:
        """The present by the database's clock as it was last compared, an aware UTC datetime."""
        return clock.now() + self._ahead


_CLOCK = select(func.clock_timestamp(type_=DateTime(timezone=True)))


def _ask(session: Session) -> tuple[datetime, datetime, datetime]:
    """Ours before, theirs, and ours after."""
    # Whatever is waited for before it can be asked at all is over then.
    session.scalar(_CLOCK)
    before, theirs = clock.now(), session.scalar(_CLOCK)
    assert theirs is not None
    return before, theirs.astimezone(UTC), clock.now()
