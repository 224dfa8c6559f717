"""Whether this process can serve: the database answers, it has our tables, and a worker works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server import clock, migrate, workers
from server.bounded_database import BoundedDatabase
from server.config import Config
from server.database import Database

log = structlog.get_logger()

OK = "ok"
UNREACHABLE = "unreachable"
BEHIND = "behind"
NOT_SEEN = "not_seen"
NOT_LOOKED_AT = "not_looked_at"
# Whoever asks more often gets the last answer: a stranger cannot make us connect all the time.
_KEPT_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What became of each part: `ok`, or why it is not ready."""

    database: str = NOT_LOOKED_AT
    migrations: str = NOT_LOOKED_AT
    worker: str = NOT_LOOKED_AT

    @property
    def faults(self) -> Mapping[str, str]:
        """The parts that are not ready, and why."""
        known = {
            "database": self.database,
            "migrations": self.migrations,
            "worker": self.worker,
        }
        return {part: fault for part, fault in known.items() if fault != OK}


class Readiness:
    """Looks at the parts, one thread at a time; says once that one was lost, and once that all
    are back."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._database = BoundedDatabase(config.database_url, config.ready_within_s)
        self._looking = threading.Lock()
        self._last: Parts | None = None
        self._looked_at_s = 0.0

    def parts(self) -> Parts:
        """How the parts are, at most a second old; while another thread looks, as it was when it
        last looked."""
        last = self._last
        if not self._looking.acquire(blocking=last is None):
            assert last is not None
            return last
        try:
            if self._last is None or clock.mono_s() - self._looked_at_s >= _KEPT_S:
                found = self._look()
                self._say(self._last, found)
                self._last, self._looked_at_s = found, clock.mono_s()
            return self._last
        finally:
            self._looking.release()

    def _look(self) -> Parts:
        with self._database.looking() as database:
            try:
                database.read(lambda session: session.execute(select(1)))
            except DBAPIError:
                return Parts(database=UNREACHABLE)
            if not self._holds(database, _has_our_tables):
                return Parts(OK, BEHIND)
            return Parts(OK, OK, OK if self._holds(database, self._has_worker) else NOT_SEEN)

    def _has_worker(self, session: Session) -> bool:
        return workers.seen_lately(session, self._config, clock.now()) > 0

    @staticmethod
    def _holds(database: Database, question: Callable[[Session], bool]) -> bool:
        try:
            return database.read(question)
        except DBAPIError:
            return False

    @staticmethod
    def _say(before: Parts | None, found: Parts) -> None:
        known = {} if before is None else before.faults
        if found.faults and found.faults != known:
            log.warning("not_ready", **found.faults)
        elif known and not found.faults:
            log.info("ready_again")


def _has_our_tables(session: Session) -> bool:
    return migrate.has_ours(session.connection())
