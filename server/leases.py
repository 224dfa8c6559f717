"""Work that only one process of the district does, by a lease: taken, kept, and taken over.

1. Who wants the work asks for the lease again and again. One statement gives it to whoever has it
   or, once it has run out, to whoever asks first: nobody looks before he takes.
2. Times are the database's, so no host's clock has to be right. (A SQLite file has one host.)
3. A lease that changes hands, or had run out, gets a higher epoch. A holder that slept through its
   end may still believe in it: what it decides it decides in the district's turn, and there it
   looks whether the lease is its own (`is_ours`). Whoever took over decides in another turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, DateTime, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from server import clock
from server.database import Database, insert_missing
from server.models import LeaseRow
from server.models.table import UTCDateTime

log = structlog.get_logger()

DISPATCHER = "dispatcher"
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
_ASKED_IN_A_LEASE = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that somebody was given."""

    name: str
    holder: str
    epoch: int


def take(session: Session, name: str, holder: str, lease_s: float) -> Lease | None:
    """Take a lease, or keep it, for `lease_s` from now on; None while somebody else has it."""
    row = LeaseRow
    if session.scalar(select(row.name).where(row.name == name)) is None:
        insert_missing(session, row, name=name, holder="", epoch=0, until=_NEVER)
    now, until = _now_and_then(session, timedelta(seconds=lease_s))
    is_kept = and_(row.holder == holder, row.until > now)
    epoch = session.scalar(
        update(row)
        .where(row.name == name, or_(row.holder == holder, row.until <= now))
        .values(holder=holder, until=until, epoch=case((is_kept, row.epoch), else_=row.epoch + 1))
        .returning(row.epoch)
        .execution_options(synchronize_session=False)
    )
    return None if epoch is None else Lease(name, holder, epoch)


def give_back(session: Session, lease: Lease) -> None:
    """Let the next one have it at once."""
    session.execute(
        update(LeaseRow)
        .where(*_is(lease))
        .values(until=_NEVER)
        .execution_options(synchronize_session=False)
    )


def is_ours(session: Session, lease: Lease) -> bool:
    """Whether nobody has taken the lease over. Asked in the district's turn, the answer holds for
    all that is decided in it."""
    return session.scalar(select(LeaseRow.name).where(*_is(lease))) is not None


def _is(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    row = LeaseRow
    return (row.name == lease.name, row.holder == lease.holder, row.epoch == lease.epoch)


def _now_and_then(session: Session, later: timedelta) -> tuple[Any, Any]:
    """The database's time, and when it will be so much later."""
    if session.get_bind().dialect.name == "sqlite":
        now = clock.now()
        return literal(now, UTCDateTime), literal(now + later, UTCDateTime)
    present = func.clock_timestamp(type_=DateTime(timezone=True))
    return present, present + later


class LeaseHolder:
    """One process that wants one lease. Not for several threads at once."""

    def __init__(self, database: Database, name: str, holder: str, lease_s: int) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._lease_s = lease_s
        self._asked_s: float | None = None
        self._lease: Lease | None = None

    def keep(self) -> bool:
        """Whether the work is ours. The database is asked three times in the length of a lease."""
        now_s = clock.mono_s()
        if self._asked_s is None or now_s - self._asked_s >= self._lease_s / _ASKED_IN_A_LEASE:
            # Before it is asked for: what the answer takes is of the lease's time.
            self._asked_s = now_s
            self._note(
                self._database.write(
                    lambda session: take(session, self._name, self._holder, self._lease_s)
                )
            )
        return self._lease is not None

    @property
    def is_held(self) -> bool:
        """Whether the work was ours when we asked last."""
        return self._lease is not None

    def is_ours(self, session: Session) -> bool:
        """As `is_ours` of the lease that was given last."""
        return self._lease is not None and is_ours(session, self._lease)

    def give_back(self) -> None:
        """Let another process have it at once, when this one ends in order."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._database.write(lambda session: give_back(session, lease))

    def _note(self, lease: Lease | None) -> None:
        before, self._lease = self._lease, lease
        if lease is not None and lease != before:
            log.info("lease_taken", lease=lease.name, holder=lease.holder, epoch=lease.epoch)
        elif lease is None and before is not None:
            log.warning("lease_lost", lease=before.name, holder=before.holder, epoch=before.epoch)
