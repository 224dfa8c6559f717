"""The one place that runs a unit of work again.

A unit has no effect outside of its transaction, so it may begin anew whenever that is known to
have come to nothing:

- the database asks for it (serialisation failure, deadlock, SQLite busy): `tries` at most, with
  full jitter in between;
- the database could not be reached, or the connection was lost before the commit was asked for:
  for `wait_s` at most, so that a restart or a promotion of a standby is felt as a delay.

What is lost while the commit is under way may have been kept or not. That is never tried again
here: `OutcomeUnknown` says so, and whoever asked has to look.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from server import clock

log = structlog.get_logger()

T = TypeVar("T")

_ASKED_FOR = ("40001", "40P01")
# 08: connection; 53300: too many of them; 57P01 to 57P03: shut down, crashed, starting;
# 25006: it has become a standby; 25P03: idle in a transaction for too long.
_AWAY = ("08", "53300", "57P01", "57P02", "57P03", "25006", "25P03")
# A lock that somebody does not let go: it was waited for already.
_HELD = "55P03"
_FIRST_WAIT_S = 0.02
_MOST_WAIT_S = 1.0


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class OutcomeUnknown(DatabaseError):
    """The connection was lost while the commit was under way: it is done or it is not, and
    nobody can say which from here."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a unit is tried that the database wants to see again, and for how long one that
    cannot reach it."""

    tries: int = 8
    wait_s: float = 10.0


class Retry:
    """Runs units with some patience; says once that the database was lost, and once that it is
    back."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._is_lost = False

    def __call__(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises its last `DBAPIError`, and at once any other error."""
        tries, deadline_s = 0, clock.mono_s() + self._patience.wait_s
        while True:
            tries += 1
            try:
                done = work()
            except (DBAPIError, PoolExhausted) as error:
                if not self._may_go_on(error, tries, deadline_s):
                    raise
            else:
                self._say(is_lost=False)
                return done
            most_s = min(_FIRST_WAIT_S * 2 ** min(tries - 1, 8), _MOST_WAIT_S)
            time.sleep(random.uniform(0, most_s))  # noqa: S311 - jitter, nobody gains by guessing it

    def _may_go_on(self, error: DBAPIError | PoolExhausted, tries: int, deadline_s: float) -> bool:
        if is_asked_for(error):
            if tries >= self._patience.tries:
                log.warning("unit_given_up", tries=tries)
            return tries < self._patience.tries
        if not isinstance(error, DBAPIError) or not is_away(error):
            return False
        self._say(is_lost=True)
        return clock.mono_s() < deadline_s

    def _say(self, *, is_lost: bool) -> None:
        if self._is_lost == is_lost:
            return
        with self._lock:
            if self._is_lost != is_lost:
                log.log(30 if is_lost else 20, "database_lost" if is_lost else "database_back")
            self._is_lost = is_lost


def is_asked_for(error: Exception) -> bool:
    """Whether the database has undone a unit and only wants it to be tried again."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _ASKED_FOR
    name = getattr(error.orig, "sqlite_errorname", "") or str(error.orig)
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "database is locked"))


def is_away(error: DBAPIError) -> bool:
    """Whether the database could not be reached, or was lost on the way."""
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (state is not None and state.startswith(_AWAY)):
        return True
    # A connection that was never made has no state; psycopg calls all of these operational.
    return (
        state is None
        and type(error.orig).__module__.startswith("psycopg")
        and (type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout"))
    )


def is_unavailable(error: Exception) -> bool:
    """Whether a request ends here only because the database is away or too busy: the same may
    well be answered in a while."""
    if isinstance(error, (OutcomeUnknown, PoolExhausted)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    is_held = getattr(error.orig, "sqlstate", None) == _HELD
    return is_held or is_asked_for(error) or is_away(error)
