"""Opens the station's database, also after the card has damaged it.

A damaged file is never repaired and never thrown away: it is moved aside under a name that says
whose it was and when, a new journal begins, and the log and the status screen say so until a
person has looked. What the cloud had acknowledged is safe there; the rest is in the set-aside
file, where most of it can usually still be read.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from reader_agent import ticket_codes
from reader_agent.clock import Clock
from reader_agent.station_db import StationDB, StationDBError

FILE_NAME = "station.sqlite3"
_DAMAGED_SUFFIX = ".damaged"
_log = structlog.get_logger(__name__)


def open_database(data_dir: Path, clock: Clock) -> StationDB:
    """The database in `data_dir`; a new one beside the damaged one if there was damage.

    Raises `StationDBError` for everything else that is wrong with the file.
    """
    path = data_dir / FILE_NAME
    try:
        return StationDB(path)
    except StationDBError as error:
        if error.code != "damaged":
            raise
        _set_aside(path, clock, str(error))
    db = StationDB(path)
    with db.transaction() as work:
        ticket_codes.start_anywhere(work)
    return db


def damaged_files(data_dir: Path) -> tuple[str, ...]:
    """The names of the files that were set aside, oldest first."""
    return tuple(sorted(path.name for path in data_dir.glob(f"*{_DAMAGED_SUFFIX}")))


def _set_aside(path: Path, clock: Clock, fault: str) -> None:
    stamp = clock.wall().strftime("%Y%m%dT%H%M%SZ")
    name = f"journal-{stamp}-{_journal_id(path) or 'unknown'}"
    target = path.with_name(name + _DAMAGED_SUFFIX)
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{name}-{number}{_DAMAGED_SUFFIX}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(target.with_name(target.name + suffix))
    _log.critical("journal.damaged", kept_as=target.name, fault=fault)


def _journal_id(path: Path) -> str | None:
    # Best effort: the page that names the journal may be the damaged one.
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'journal_id'").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None
