"""One transaction per unit of work, on SQLite or PostgreSQL, serialisable on both.

On SQLite a unit that writes has the file for itself. On PostgreSQL there are two kinds:

- Who raises the district's version has the district's row locked from his first statement to the
  commit (his *turn*), and reads what is committed by then. Such units come one after the other.
- All others run `SERIALIZABLE`: of two that could not have come one after the other PostgreSQL
  undoes one, which is tried again. One that asks for the version after all begins anew in a turn.

The first decide on the district (cars, keys, people, plans), the others on rows of their own:
claims, tries, codes, sessions, leases. So what a unit has looked at is still so when it commits.

SQLite before 3.51.3 can lose committed writes when two connections write and checkpoint a
WAL at once (sqlite.org/wal.html, the WAL-reset bug; fixed also in 3.50.7 and 3.44.6), and
the cloud has more than one writing process: an affected library is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Engine, Insert
from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import DeclarativeBase, Session

from server import engines
from server.config import Config
from server.database_url import spread_hosts
from server.engines import ALONE, NOTE, READ_ONLY, Bounds
from server.gathering import Gathering, Place
from server.retry import DatabaseError, OutcomeUnknown, Patience, Retry, is_asked_for, is_away

__all__ = ["Database", "DatabaseError", "OutcomeUnknown", "insert_missing", "open_database"]

Item = TypeVar("Item")
T = TypeVar("T")

_COUNTED = {"preserve_rowcount": True}
_OUT_OF_TURN = "valet_out_of_turn"
_CHANGED = "valet_changed"
# A lock of its own strength: keys that refer to the district's row may be written meanwhile.
_TAKE_TURN = "SELECT id FROM districts FOR NO KEY UPDATE"
_DO_NOT_WAIT = "SET LOCAL synchronous_commit TO off"


class _TurnNeeded(Exception):
    """Rolls back a unit that turns out to change the district: it begins anew, in its turn."""


class Database:
    """The engine and the only ways to use it.

    SQLite lets one write at a time, and who finds it busy sleeps and looks again, longer each time.
    PostgreSQL's connections would all wait for the district's row when many stations come back, and
    none be left for who only reads. So the threads of a process wait for each other here, where the
    next is woken at once.
    """

    def __init__(
        self,
        url: str,
        connections: int = 15,
        patience: Patience = Patience(),  # noqa: B008 - a value
        bounds: Bounds = Bounds(),  # noqa: B008 - a value
        together_max: int = 1_000,
    ) -> None:
        """Does not connect yet; `connections`: at most so many at a time; `together_max`: see
        `Gathering`. Raises `DatabaseError` for a URL that cannot be used."""
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        make = engines.for_sqlite if self.is_sqlite else engines.for_postgres
        self.engine = make(parsed, connections, bounds)
        self.on_change: Callable[[int], None] = lambda _version: None
        self._retry = Retry(patience)
        self._wait_s = -1.0 if self.is_sqlite else patience.wait_s
        self._lock = threading.RLock()
        self.gathering = Gathering(together_max, None if self.is_sqlite else patience.wait_s)
        self._reading = self.engine.execution_options(**{READ_ONLY: True})
        self._noting = self.engine.execution_options(**{NOTE: True})
        self._alone = self.engine.execution_options(**{ALONE: True})

    def write(self, work: Callable[[Session], T], *, in_turn: bool = False) -> T:
        """Run `work` in one transaction: returning commits, raising rolls back.

        `in_turn`: say so of what is known to change the district; it saves a second beginning.
        Run again from the start when the database asks for it (serialisation failure, deadlock,
        busy) or was lost before the commit, so `work` must have no effect outside its session.
        Raises `OutcomeUnknown` where the database was lost during the commit.
        """
        if self.is_sqlite:
            return self._retry(lambda: self._in_turn(work))
        if not in_turn:
            try:
                return self._retry(lambda: self._out_of_turn(work))
            except _TurnNeeded:
                pass
        return self._retry(lambda: self._in_turn(work))

    def write_together(
        self,
        place: Place,
        item: Item,
        weight: int,
        work: Callable[[Session, Sequence[Item]], Sequence[T]],
    ) -> T:
        """Like `write` in turn, for what many threads bring at a time: who has the turn may do the
        work of others, too (see `Gathering`, which gives the place). `work` is given the items of
        all that go into one transaction, and returns what became of each."""
        return self.gathering.done(
            place,
            item,
            weight,
            lambda items: self.write(lambda session: work(session, items), in_turn=True),
        )

    def note(self, work: Callable[[Session], T]) -> T:
        """Like `write`, for what nobody is told of: the commit does not wait for the disk.

        Every process sees it at once, and the end of a process loses nothing; but a power cut may
        take the last of them back. `work` must not decide anything by what it has read but by
        compare-and-set, or by whether a row could be inserted: of two at once both go on.
        """
        return self._retry(lambda: self._noted(work))

    def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` on one consistent snapshot; nothing it does is kept."""
        return self._retry(lambda: _once(self._reading, work))

    def connect_apart(self) -> psycopg.Connection[Any]:
        """A connection to PostgreSQL beside the pool, outside of transactions; the caller closes
        it. Raises `psycopg.Error`."""
        arguments, named = self.engine.dialect.create_connect_args(self.engine.url)
        return psycopg.connect(*arguments, **named, autocommit=True)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _in_turn(self, work: Callable[[Session], T]) -> T:
        with self._turn(), Session(self.engine, expire_on_commit=False) as session:
            result = _carried_out(session, work, None if self.is_sqlite else _TAKE_TURN)
            changed = session.info.pop(_CHANGED, None)
        if changed is not None:
            self.on_change(changed)
        return result

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._wait_s):
            raise PoolExhausted("others of this process have written for too long")
        try:
            yield
        finally:
            self._lock.release()

    def _out_of_turn(self, work: Callable[[Session], T]) -> T:
        with Session(self._alone, expire_on_commit=False, info={_OUT_OF_TURN: True}) as session:
            return _carried_out(session, work, None)

    def _noted(self, work: Callable[[Session], T]) -> T:
        turn = self._turn() if self.is_sqlite else nullcontext()
        with turn, Session(self._noting, expire_on_commit=False) as session:
            return _carried_out(session, work, None if self.is_sqlite else _DO_NOT_WAIT)


def open_database(config: Config) -> Database:
    """The database of these settings."""
    return Database(
        config.database_url,
        config.database_connections,
        Patience(config.database_tries, config.database_wait_s),
        Bounds(config.database_lock_s, config.database_idle_s, "valet"),
        # A turn is then never longer than that of the largest batch.
        config.events_per_batch_max,
    )


def change_in_turn(session: Session) -> None:
    """Say that this unit changes the district. One that has not got the turn begins anew."""
    if session.info.get(_OUT_OF_TURN):
        raise _TurnNeeded


def tell_after_commit(session: Session, version: int) -> None:
    """Let those who wait for news hear of this version once it is committed."""
    session.info[_CHANGED] = version


def insert_missing(session: Session, table: type[DeclarativeBase], **values: object) -> bool:
    """Insert a row unless its key is there; whether it was inserted. Two may do so at once, and
    both go on."""
    into = table.__table__
    assert isinstance(into, SQLTable)
    connection = session.connection()
    statement = _insert_missing(into, connection.dialect.name)
    return connection.execute(statement, values, execution_options=_COUNTED).rowcount == 1


@lru_cache(maxsize=64)
def _insert_missing(into: SQLTable, dialect: str) -> Insert:
    if dialect == "sqlite":
        return sqlite_insert(into).on_conflict_do_nothing()
    return postgres_insert(into).on_conflict_do_nothing()


def _once(engine: Engine, work: Callable[[Session], T]) -> T:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return work(session)


def _carried_out(session: Session, work: Callable[[Session], T], first: str | None) -> T:
    """Do the work, after a `first` statement, and commit. What fails before the commit is asked
    for has come to nothing."""
    is_committing = False
    try:
        with session.begin():
            if first is not None:
                session.connection().exec_driver_sql(first)
            result = work(session)
            session.flush()
            is_committing = True
    except DBAPIError as error:
        if is_committing and is_away(error) and not is_asked_for(error):
            raise OutcomeUnknown("the database was lost during a commit") from error
        raise
    return result


def _parse(url: str) -> URL:
    try:
        parsed = make_url(spread_hosts(url))
    except ArgumentError:
        raise DatabaseError("the database URL cannot be read: write postgresql://…") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseError("the database URL must begin with sqlite:/// or postgresql://")
    return parsed
