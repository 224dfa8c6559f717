"""One transaction per unit of work, on SQLite or PostgreSQL.

SQLite before 3.51.3 can lose committed writes when two connections write and checkpoint a
WAL at once (sqlite.org/wal.html, the WAL-reset bug; fixed also in 3.50.7 and 3.44.6), and
the cloud has more than one writing process: an affected library is refused.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
import pysqlite3.dbapi2 as sqlite
from sqlalchemy import URL, Connection, Engine, Insert, create_engine, event
from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

T = TypeVar("T")

_TRIES = 8
_BUSY_TIMEOUT_MS = 10_000
_COUNTED = {"preserve_rowcount": True}
_READ_ONLY = "valet_read_only"
_NOTE = "valet_note"
_MODE = "valet_mode"
_FIXED_IN = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Database:
    """The engine and the only ways to use it.

    SQLite lets one write at a time, and who finds it busy sleeps and looks again, longer each time.
    So the threads of a process wait for each other here, where the next is woken at once.
    """

    def __init__(self, url: str, connections: int = 15) -> None:
        """Does not connect yet; `connections`: at most so many at a time. Raises `DatabaseError`
        for a URL that cannot be used."""
        parsed = _parse(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        make = _sqlite_engine if is_sqlite else _postgres_engine
        self.engine = make(parsed, connections)
        self._turn = threading.RLock() if is_sqlite else nullcontext()
        self._reading = self.engine.execution_options(**{_READ_ONLY: True})
        self._noting = self.engine.execution_options(**{_NOTE: True})

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction: returning commits, raising rolls back.

        Run again from the start when the database asks for it (serialisation failure,
        deadlock, busy), so `work` must have no effect outside its session.
        """
        return retrying(lambda: self._in_turn(self.engine, work))

    def note(self, work: Callable[[Session], T]) -> T:
        """Like `write`, for what nobody is told of: the commit does not wait for the disk.

        Every process sees it at once, and the end of a process loses nothing; but a power cut may
        take the last of them back.
        """
        return retrying(lambda: self._in_turn(self._noting, work))

    def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` on one consistent snapshot; nothing it does is kept."""
        return retrying(lambda: self._once(self._reading, work))

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _in_turn(self, engine: Engine, work: Callable[[Session], T]) -> T:
        with self._turn:
            return self._once(engine, work)

    @staticmethod
    def _once(engine: Engine, work: Callable[[Session], T]) -> T:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            return work(session)


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


def retrying(work: Callable[[], T]) -> T:
    """Run `work` again while the database says that it only has to be tried again."""
    for attempt in range(1, _TRIES + 1):
        try:
            return work()
        except DBAPIError as error:
            if attempt == _TRIES or not _is_transient(error):
                raise
            # Jitter only spreads the tries; nobody gains by guessing it.
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
    raise AssertionError("unreachable")


def _is_transient(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in ("40001", "40P01")
    name = getattr(error.orig, "sqlite_errorname", "") or str(error.orig)
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "database is locked"))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError("the database URL cannot be read: write postgresql://…") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseError("the database URL must begin with sqlite:/// or postgresql://")
    return parsed


def _postgres_engine(url: URL, connections: int) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options, raw = connection.get_execution_options(), connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        read_only = bool(options.get(_READ_ONLY))
        # The consistent snapshot that `read` promises needs more than the default isolation. The
        # driver says it with its BEGIN.
        if bool(raw.read_only) != read_only:
            raw.read_only = read_only
            raw.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ if read_only else None
        if options.get(_NOTE):
            raw.execute("SET LOCAL synchronous_commit TO off")

    return engine


def _sqlite_engine(url: URL, connections: int) -> Engine:
    version = sqlite.sqlite_version_info
    if not _is_safe(version):
        raise DatabaseError(
            f"SQLite {sqlite.sqlite_version} can lose committed writes when several processes "
            "write (WAL-reset bug): install pysqlite3 0.6.1 or newer, or use PostgreSQL"
        )
    engine = create_engine(
        url.set(drivername="sqlite"),
        module=sqlite,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options, info = connection.get_execution_options(), connection.info
        read_only = bool(options.get(_READ_ONLY))
        wanted = ("ON" if read_only else "OFF", "NORMAL" if options.get(_NOTE) else "FULL")
        # A write transaction takes its lock at once: upgrading later cannot wait, only fail.
        begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
        raw: Any = connection.connection.driver_connection
        try:
            if info.get(_MODE) != wanted:
                info.pop(_MODE, None)
                raw.execute(f"PRAGMA query_only={wanted[0]}")
                raw.execute(f"PRAGMA synchronous={wanted[1]}")
                info[_MODE] = wanted
            raw.execute(begin)
        except sqlite.Error as error:
            raise DBAPIError.instance(begin, None, error, sqlite.Error) from error

    return engine


def _is_safe(version: tuple[int, ...]) -> bool:
    return version >= _FIXED_IN[0] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in _FIXED_IN[1:]
    )
