"""Word of news between processes: whoever waits for the district's next version is woken by it.

One thread of each process keeps one connection to PostgreSQL, listens there, and tells of what
this process has committed. It tells after the commit and at most once in `_GAP_S`, however much
was committed meanwhile: PostgreSQL lets only one transaction at a time commit a `NOTIFY`, which
must not be what writers wait for. A word that is lost (the connection breaks, a process dies
between commit and word) costs `every_s` at most, because so often the thread looks by itself.

On SQLite, where nobody can be told, the thread looks every `LOOK_EVERY_S` while somebody waits.

Who waits holds a thread and nothing else, least of all a connection.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.exc import DBAPIError

from server import clock
from server.database import Database
from server.district import current_version

log = structlog.get_logger()

LOOK_EVERY_S = 0.2
_GAP_S = 0.02
_AGAIN_S = 1.0
_CHANNEL = "SELECT 'valet_' || current_schema()"
_VERSION = "SELECT version FROM districts"


class Waking(Protocol):
    """What a request needs that waits for news."""

    def wait(self, seen: int, wait_s: float) -> int:
        """Return when the district has a version beyond `seen`, after `wait_s` at the latest: the
        newest that is known here."""

    def start(self) -> None:
        """Be ready before anybody waits."""

    def close(self) -> None:
        """Let everybody go."""


class Notices:
    """Wakes who waits in one process; see `Waking`. `most`: so many may wait at a time, and who
    comes beyond does not wait at all."""

    def __init__(self, database: Database, every_s: float = 5.0, most: int = 1000) -> None:
        self._database = database
        self._every_s = every_s
        self._most = most
        self._changed = threading.Condition()
        self._version = 0
        self._waiting = 0
        self._wire: _Wire | None = None
        self._thread: threading.Thread | None = None
        self._is_to_stay = False
        self._is_over = False
        database.on_change = self.told

    def start(self) -> None:
        """Listen and tell from now on, whether anybody waits here or not. Without it the thread
        is there only while somebody waits, as in a process that just gives a command."""
        self._is_to_stay = True
        with self._changed:
            self._begin()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._waiting

    def wait(self, seen: int, wait_s: float) -> int:
        """See `Waking`."""
        with self._changed:
            if self._waiting >= self._most or self._version > seen:
                return self._version
            self._waiting += 1
            try:
                self._begin()
                self._changed.wait_for(lambda: self._version > seen or self._is_over, wait_s)
                return self._version
            finally:
                self._waiting -= 1
                if self._waiting == 0 and not self._is_to_stay and self._wire is not None:
                    self._wire.stir()

    def told(self, version: int) -> None:
        """This process has committed a version: wake who waits here, and tell the others."""
        self._publish(version)
        wire = self._wire
        if wire is not None:
            wire.tell()

    def close(self) -> None:
        """Let everybody go, and end the thread."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            if self._wire is not None:
                self._wire.stir()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        if self._wire is not None:
            # The first who waits may find it resting.
            self._wire.stir()
            return
        if not self._is_over:
            make = _Looking if self._database.is_sqlite else _Listening
            self._wire = wire = make(self._database, lambda: self._waiting > 0)
            self._thread = threading.Thread(
                target=self._run, args=(wire,), name="notices", daemon=True
            )
            self._thread.start()

    def _run(self, wire: _Wire) -> None:
        is_lost = False
        while self._is_wanted():
            try:
                version = wire.next(self._every_s)
            except (DBAPIError, psycopg.Error) as error:
                if not is_lost:
                    log.warning("notices_lost", fault=type(error).__name__)
                is_lost = True
                self._look_instead()
                wire.rest(_AGAIN_S)
                continue
            if is_lost:
                log.info("notices_back")
            is_lost = False
            self._publish(version)
        wire.close()

    def _look_instead(self) -> None:
        """While there is no word to be had: what is new, for who waits."""
        if self._waiting:
            with suppress(DBAPIError):
                self._publish(self._database.read(current_version))

    def _is_wanted(self) -> bool:
        with self._changed:
            if not self._is_over and (self._is_to_stay or self._waiting):
                return True
            self._wire = None
            return False

    def _publish(self, version: int) -> None:
        with self._changed:
            if version > self._version:
                self._version = version
                self._changed.notify_all()


class _Wire(Protocol):
    def next(self, within_s: float) -> int:
        """The version, once there may be another one; after `within_s` at the latest."""

    def tell(self) -> None:
        """Tell the other processes, soon."""

    def stir(self) -> None:
        """Let `next` return."""

    def rest(self, wait_s: float) -> None:
        """Wait, unless stirred."""

    def close(self) -> None:
        """Give everything back."""


class _Looking:
    """Without a word from anybody."""

    def __init__(self, database: Database, is_awaited: Callable[[], bool]) -> None:
        self._database = database
        self._is_awaited = is_awaited
        self._stirred = threading.Event()

    def next(self, within_s: float) -> int:
        self.rest(LOOK_EVERY_S if self._is_awaited() else within_s)
        return self._database.read(current_version)

    def tell(self) -> None:
        """Nobody listens."""

    def stir(self) -> None:
        self._stirred.set()

    def rest(self, wait_s: float) -> None:
        self._stirred.wait(wait_s)
        self._stirred.clear()

    def close(self) -> None:
        """Nothing is held."""


class _Listening:
    """PostgreSQL's `LISTEN` and `NOTIFY`, both on one connection."""

    def __init__(self, database: Database, _is_awaited: Callable[[], bool]) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None
        self._channel = ""
        self._is_to_tell = self._has_heard = False
        self._told_s, self._gap = 0.0, threading.Event()
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def next(self, within_s: float) -> int:
        if self._connection is None:
            self._connect()
        else:
            self._await(within_s)
        with self._losing() as connection:
            while True:
                self._has_heard = False
                row = connection.execute(_VERSION).fetchone()
                if not self._has_heard:
                    return 0 if row is None else int(row[0])
                # A word that came with the answer may be of what the answer does not know.

    def tell(self) -> None:
        self._is_to_tell = True
        self.stir()

    def stir(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._in, b".")

    def rest(self, wait_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            selector.select(wait_s)
        self._drain()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        os.close(self._in)
        os.close(self._out)

    def _connect(self) -> None:
        self._connection = connection = self._database.connect_apart()
        with self._losing():
            # Nothing that it writes has to outlive anything.
            connection.add_notify_handler(self._hear)
            connection.execute("SET synchronous_commit TO off")
            row = connection.execute(_CHANNEL).fetchone()
            assert row is not None
            self._channel = str(row[0])
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))

    def _await(self, within_s: float) -> None:
        with self._losing() as connection, selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.select(within_s)
            self._drain()
            if self._is_to_tell:
                # Whatever else is committed in this while goes with the same word.
                self._gap.wait(max(0.0, self._told_s + _GAP_S - clock.mono_s()))
                self._is_to_tell, self._told_s = False, clock.mono_s()
                connection.execute("SELECT pg_notify(%s, '')", [self._channel])

    def _hear(self, _word: psycopg.Notify) -> None:
        self._has_heard = True

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._out, 4096):
                pass

    @contextmanager
    def _losing(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection; one on which anything fails is given up."""
        assert self._connection is not None
        try:
            yield self._connection
        except psycopg.Error:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
            raise
