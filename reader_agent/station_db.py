"""The station's one database file: journal, mirror, draft and counters in the same transactions.

One connection for the whole process, guarded by a lock, with the file locked against every other
connection (`locking_mode=EXCLUSIVE`): SQLite before 3.51.3 can lose committed writes when two
connections write and checkpoint at once (the WAL-reset bug, sqlite.org/wal.html), and here there
is never a second one, not even a curious engineer's `sqlite3` while the agent runs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reader_agent.migrations import MIGRATIONS, OLDEST_READER
from reader_agent.record_box import RecordBox
from schemas.problems import Refusal

OK: Final = "ok"
FULL: Final = "full"
FAULT: Final = "fault"

_SYNCHRONOUS_FULL = 2
_REFUSAL_OF: dict[str, str] = {FULL: "storage_full", FAULT: "storage_fault"}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REMEMBER_READER = "INSERT OR REPLACE INTO meta VALUES ('oldest_reader', ?)"
_SUFFIXES = ("", "-journal", "-wal", "-shm")
_READ_AT_START = {
    "meta": "SELECT 1, key, iif(typeof(value) = 'text', value, '') FROM meta",
    "mirror_event": "SELECT json_valid(event), * FROM mirror_event",
    "mirror_doc": "SELECT json_valid(body), * FROM mirror_doc",
    "draft": "SELECT json_valid(body), body FROM draft",
    "on_shift": "SELECT 1, person_id FROM on_shift",
    "staff_pin": "SELECT 1, person_id FROM staff_pin",
    "pin_change": "SELECT 1, id FROM pin_change",
}
"""The tables that the station reads whole at its start. The first column is 0 for a broken row."""

Value = str | int | bytes | None


class StationDBError(Exception):
    """The file cannot serve as the station's database.

    `code` is `in_use` (another agent has it), `newer` (written by a later version), `not_durable`
    (a pragma did not take), `damaged` (corrupt; see `journal_rescue`) or `unreadable`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.connection: sqlite3.Connection | None = None
        """To what is damaged, still open: closing it before the file has another name would fold
        the log into it, and nothing may be written there any more."""

    def let_go(self) -> None:
        """Close what is damaged, once it has another name."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Transaction:
    """What a unit of work writes through. Valid inside its `with` block only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.afterwards: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row."""
        self._connection.executemany(sql, rows)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once the work is on the disk, and never if it is not."""
        self.afterwards.append(action)


class StationDB:
    """Open the file, bring it to today's schema and prove that it is durable.

    Raises `StationDBError`. Afterwards storage failures are `Refusal("storage_full")` and
    `Refusal("storage_fault")`, and `storage` says how the last write went.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.box: RecordBox | None = None
        """Seals what is known of people; a station's has one, see `journal_rescue`."""
        self.storage = OK
        self._lock = threading.RLock()
        self._connection = _connect(path)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it or nothing: BEGIN IMMEDIATE, COMMIT when the block ends, ROLLBACK when it
        raises. Transactions do not nest. What `after_commit` was given runs before the lock is
        let go. Raises `Refusal` when the disk is full or failing."""
        with self._lock:
            assert not self._connection.in_transaction, "transactions do not nest"
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                work = Transaction(self._connection)
                yield work
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise self._refusal(error) from error
            except BaseException:
                self._roll_back()
                raise
            self.storage = OK
            for action in work.afterwards:
                action()

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[sqlite3.Row]:
        """The rows of a query, all at once. Raises `Refusal` when the disk fails."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise self._refusal(error) from error

    def probe(self) -> bool:
        """Try to write again after a failure, so that a screen does not say "full" until the
        next tap. True when storage works."""
        with suppress(Refusal), self.transaction() as work:
            work.execute("INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(8192))")
        return self.storage == OK

    def forget_log(self) -> None:
        """Empty the write-ahead log, which still holds what was just wiped from the tables. A
        disk that fails meanwhile is told of at the next write."""
        with suppress(Refusal):
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Checkpoint and let the file go."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some failures, and then says so.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _refusal(self, error: sqlite3.Error) -> Exception:
        code = _primary_code(error)
        if code == sqlite3.SQLITE_FULL:
            self.storage = FULL
        elif code in _DEVICE_FAULTS:
            self.storage = FAULT
        else:
            # A statement of ours is wrong; that is a bug and must look like one.
            return error
        return Refusal(_REFUSAL_OF[self.storage])


_DEVICE_FAULTS = (
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    *_DAMAGED,
)


def create_database(path: Path) -> None:
    """Make a new database under another name and then give it this one, so that a power cut
    leaves a whole one or none: an empty file is then always damage. The caller syncs the folder.

    Raises `StationDBError`.
    """
    draft = path.with_name(path.name + ".new")
    for suffix in _SUFFIXES:
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    connection = _opened(draft)
    try:
        # Closing would do this too, but without a word where it fails.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise _open_error(path, error) from error
    finally:
        connection.close()
    draft.rename(path)


def _connect(path: Path) -> sqlite3.Connection:
    # Apart from `create_database`: what stands in front of a station's disk, stands here.
    return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        connection.row_factory = sqlite3.Row
        _prepare(connection, path)
    except (sqlite3.Error, StationDBError) as error:
        fault = error if isinstance(error, StationDBError) else _open_error(path, error)
        if fault.code == "damaged":
            fault.connection = connection
        elif connection is not None:
            connection.close()
        raise fault from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Before anything that may write: what is damaged stays as it is.
    _check_pages(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # What is wiped must be gone from the file, not only from the rows.
    connection.execute("PRAGMA secure_delete = ON")
    _take(connection)
    _verify(connection, path)
    _migrate(connection, path)
    _check_texts(connection, path)


def _take(connection: sqlite3.Connection) -> None:
    # The exclusive lock is taken by the first write and kept until the connection closes.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _verify(connection: sqlite3.Connection, path: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": _SYNCHRONOUS_FULL, "locking_mode": "exclusive"}
    for pragma, value in wanted.items():
        (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        if found != value:
            raise StationDBError("not_durable", f"{path}: {pragma} is {found}, wanted {value}")


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StationDBError("damaged", f"{path}: quick_check: {verdict}")


def _check_texts(connection: sqlite3.Connection, path: Path) -> None:
    # A page may be sound while what is written in it is not: quick_check does not read letters.
    # The station would fail at every start.
    connection.text_factory = bytes
    for table, query in _READ_AT_START.items():
        for row in connection.execute(query):
            if not (row[0] and all(_is_readable(value) for value in row)):
                raise StationDBError("damaged", f"{path}: unreadable text in {table}")
    connection.text_factory = str


def _is_readable(value: Value) -> bool:
    try:
        return not isinstance(value, bytes) or value.decode() is not None
    except UnicodeDecodeError:
        return False


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS) and not _is_readable_by_older(connection):
        raise StationDBError(
            "newer", f"{path} has schema {version}, this agent knows {len(MIGRATIONS)}: update it"
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(_REMEMBER_READER, (OLDEST_READER,))
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _is_readable_by_older(connection: sqlite3.Connection) -> bool:
    # A release that did not start was taken back, and had opened the file before.
    try:
        found = connection.execute("SELECT value FROM meta WHERE key = 'oldest_reader'").fetchone()
    except sqlite3.OperationalError:
        return False
    return found is not None and isinstance(found[0], int) and found[0] <= len(MIGRATIONS)


def _open_error(path: Path, error: sqlite3.Error) -> StationDBError:
    code = _primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StationDBError("in_use", f"{path} is in use: another agent runs on this folder")
    if code in _DAMAGED:
        return StationDBError("damaged", f"{path}: {error}")
    return StationDBError("unreadable", f"{path}: {error}")


def _primary_code(error: sqlite3.Error) -> int:
    # The low byte names the family: SQLITE_IOERR_WRITE and its like are all SQLITE_IOERR.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
