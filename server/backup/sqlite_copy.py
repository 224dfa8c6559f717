"""A SQLite database copied by its online backup API (sqlite.org/backup.html).

All pages are copied in one step: in WAL mode that reads one snapshot while others go on writing,
and no write makes it begin anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.engine import make_url

from server.backup.fault import BackupError

FILE = "database.sqlite3"


def path_of(url: str) -> Path:
    """The file that a URL names. Raises `BackupError` for a database in memory."""
    name = make_url(url).database
    if not name or name == ":memory:":
        raise BackupError("no_tables", "the database is in memory: it cannot be backed up")
    return Path(name)


def dump(url: str, to: Path) -> str:
    """Copy the database to a new file; what copied it. Raises `BackupError`."""
    source = path_of(url)
    if not source.is_file():
        raise BackupError("no_tables", f"{source}: there is no database here")
    _copy(source, to)
    # One file, without a write-ahead log beside it; the cloud turns that on again.
    connection = _open(to)
    connection.execute("PRAGMA journal_mode=DELETE").close()
    connection.close()
    return f"SQLite {sqlite.sqlite_version}"


def restore(copy: Path, url: str) -> None:
    """Put a copy in the place of the database: all of it, or after a power cut nothing."""
    target = path_of(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy(copy, target)


def reading(copy: Path) -> Engine:
    """A copy to look at, of which nothing is changed: not even a write-ahead log comes beside."""
    return create_engine(
        "sqlite://",
        module=sqlite,
        creator=lambda: _open_unchanged(copy),
        poolclass=NullPool,
        hide_parameters=True,
    )


def check(copy: Path) -> None:
    """Raise `BackupError` unless SQLite finds the copy whole."""
    try:
        connection = _open_unchanged(copy)
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite.Error as error:
        found = str(error)
    if found != "ok":
        raise BackupError("backup_damaged", f"{copy}: is damaged: SQLite says {found}")


def _copy(source: Path, to: Path) -> None:
    try:
        read, write = _open(source), _open(to)
        try:
            read.backup(write)
        finally:
            write.close()
            read.close()
    except sqlite.Error as error:
        raise BackupError(
            "copy_failed", f"{source} could not be copied to {to}: SQLite says {error}"
        ) from None


def _open_unchanged(copy: Path) -> Any:
    return sqlite.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _open(path: Path) -> Any:
    return sqlite.connect(path, timeout=10, isolation_level=None)
