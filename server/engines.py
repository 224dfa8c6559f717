"""Connections to SQLite and to PostgreSQL: how they are made, and how their transactions begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite
from psycopg import IsolationLevel
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError

from server.retry import DatabaseError

READ_ONLY = "valet_read_only"
NOTE = "valet_note"
ALONE = "valet_alone"
"""Execution options of an engine: one snapshot to read, a commit that does not wait for the disk,
and as if there were nobody else."""

_MODE = "valet_mode"
_READ_ONLY_STATE = "25006"
_BUSY_TIMEOUT_MS = 10_000
_FIXED_IN = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
# A host that is gone without a word is noticed within some ten seconds, whether we have just
# asked it or wait for its answer (libpq's parameters, 34.1.2 of PostgreSQL's manual).
_NOTICING = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a statement waits for another's lock and a thread for a connection, and after how
    long PostgreSQL ends a transaction that says nothing more. 0: for ever. `name`: what
    `pg_stat_activity` calls us."""

    lock_s: int = 0
    idle_s: int = 0
    name: str = ""

    def options(self) -> str:
        """The same as PostgreSQL's options of a connection."""
        limits = {
            "lock_timeout": self.lock_s,
            "idle_in_transaction_session_timeout": self.idle_s,
        }
        return " ".join(f"-c {name}={s * 1000}" for name, s in limits.items() if s)


def for_postgres(url: URL, connections: int, bounds: Bounds) -> Engine:
    """An engine for PostgreSQL.

    A connection is not tried out before it is used: that would be one more round trip for each
    unit, and who finds it broken begins anew anyway.
    """
    said = url.query.get("options", "")
    options = said if isinstance(said, str) else " ".join(said)
    # What the address itself says comes last, and holds.
    named = {"application_name": bounds.name} if bounds.name else {}
    query = {**_NOTICING, **named, **url.query, "options": f"{bounds.options()} {options}".strip()}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        pool_size=connections,
        # The one that was used last has its statements prepared, and the catalogue at hand.
        pool_use_lifo=True,
        max_overflow=0,
        pool_timeout=bounds.lock_s or 30,
        hide_parameters=True,
    )

    @event.listens_for(engine, "checkout")
    def _check(raw: Any, _record: object, _proxy: object) -> None:
        if raw.closed:
            raise DisconnectionError

    @event.listens_for(engine, "handle_error")
    def _give_up_standby(context: ExceptionContext) -> None:
        # The primary has become a standby and kept its connections: they are of no use to us.
        is_reader = context.connection is None or context.connection.get_execution_options().get(
            READ_ONLY
        )
        state = getattr(context.original_exception, "sqlstate", None)
        if state == _READ_ONLY_STATE and not is_reader:
            context.is_disconnect = True

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options, raw = connection.get_execution_options(), connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        # The consistent snapshot that a reader is promised needs more than the default isolation.
        # The driver says all of it with its BEGIN.
        mode = (False, IsolationLevel.READ_COMMITTED)
        if options.get(READ_ONLY):
            mode = (True, IsolationLevel.REPEATABLE_READ)
        elif options.get(ALONE):
            mode = (False, IsolationLevel.SERIALIZABLE)
        if connection.info.get(_MODE) != mode:
            raw.read_only, raw.isolation_level = mode
            connection.info[_MODE] = mode

    return engine


def for_sqlite(url: URL, connections: int, bounds: Bounds) -> Engine:
    """An engine for a SQLite file. Raises `DatabaseError` for a library that loses commits."""
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
        pool_timeout=bounds.lock_s or 30,
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
        read_only = bool(options.get(READ_ONLY))
        wanted = ("ON" if read_only else "OFF", "NORMAL" if options.get(NOTE) else "FULL")
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
