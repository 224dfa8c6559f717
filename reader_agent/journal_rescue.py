"""Opens the station's database, also after the card has damaged it.

A damaged file is never repaired, never written to and never thrown away: it is moved aside, with
its log, under a name that says whose it was and when, a new journal begins, and the log and the
status screen say so until a person has looked. What the cloud had acknowledged is safe there; the
rest is in the set-aside file, where most of it can usually still be read.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from reader_agent import ticket_codes, write_ahead_log
from reader_agent.clock import Clock
from reader_agent.data_folder import DataFolder
from reader_agent.record_box import RecordBox
from reader_agent.station_db import StationDB, StationDBError, create_database
from schemas.problems import Refusal

FILE_NAME = "station.sqlite3"
_DAMAGED_SUFFIX = ".damaged"
_BESIDE = ("", "-wal", "-shm")
_log = structlog.get_logger(__name__)


def open_database(data_dir: Path, clock: Clock, key_file: Path | None = None) -> StationDB:
    """The database in `data_dir`; a new one beside the damaged one if there was damage. What is
    known of people is sealed in it, with the key in `key_file` or one that lies beside it.

    Raises `StationDBError` for everything else that is wrong with the file, also where a new one
    finds no room.
    """
    path = data_dir / FILE_NAME
    with DataFolder(data_dir) as folder:
        box = RecordBox(data_dir, key_file)
        # Before anything is sealed with it: a power cut must not take the key's name back.
        folder.sync()
        try:
            db = _open_sound(path)
        except StationDBError as error:
            if error.code != "damaged":
                raise
            _set_aside(path, folder, clock, str(error))
            error.let_go()
            db = None
        if db is None:
            create_database(path)
            folder.sync()
            db = StationDB(path)
    db.box = box
    _begin_codes(db, data_dir)
    return db


def damaged_files(data_dir: Path) -> tuple[str, ...]:
    """The names of the files that were set aside, oldest first; a log only where it is alone."""
    names = {path.name for path in data_dir.glob(f"*{_DAMAGED_SUFFIX}*")}
    return tuple(sorted(name for name in names if not _is_beside(name, names)))


def _is_beside(name: str, names: set[str]) -> bool:
    return any(name.endswith(tail) and name.removesuffix(tail) in names for tail in _BESIDE[1:])


def _open_sound(path: Path) -> StationDB | None:
    """The database, or None where there has never been one."""
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if not path.exists():
        if has_log:
            raise StationDBError("damaged", f"{path}: its log is there, but not the file itself")
        return None
    # SQLite would take an empty file for a new database, and throw its log away.
    if path.stat().st_size == 0:
        raise StationDBError("damaged", f"{path}: the file is empty")
    fault = write_ahead_log.fault_in(log) if path.is_file() else None
    if fault is not None:
        raise StationDBError("damaged", f"{path}: {fault}")
    return StationDB(path)


def _begin_codes(db: StationDB, data_dir: Path) -> None:
    # Asked at every start: a power cut may have come between the new file and its first number.
    has_number = db.rows("SELECT 1 FROM meta WHERE key = 'ticket_number'")
    if not has_number and damaged_files(data_dir):
        try:
            with db.transaction() as work:
                ticket_codes.start_anywhere(work)
        except Refusal as refusal:
            db.close()
            raise StationDBError("unreadable", f"{db.path}: {refusal.code}") from refusal


def _set_aside(path: Path, folder: DataFolder, clock: Clock, fault: str) -> None:
    stamp = clock.wall().strftime("%Y%m%dT%H%M%SZ")
    target = _free_name(path, f"journal-{stamp}-{_journal_id(path) or 'unknown'}")
    beside = [suffix for suffix in _BESIDE if _with(path, suffix).exists()]
    # Linked first and unlinked when the links are on the disk, the file before its log: at no
    # instant could a power cut part them, or leave a file that opens without its log.
    for suffix in beside:
        os.link(_with(path, suffix), _with(target, suffix))
    folder.sync()
    for suffix in beside:
        _with(path, suffix).unlink()
        folder.sync()
    _log.critical("journal.damaged", kept_as=target.name, fault=fault)


def _free_name(path: Path, name: str) -> Path:
    target, number = path.with_name(name + _DAMAGED_SUFFIX), 1
    while any(_with(target, suffix).exists() for suffix in _BESIDE):
        number += 1
        target = path.with_name(f"{name}-{number}{_DAMAGED_SUFFIX}")
    return target


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _journal_id(path: Path) -> str | None:
    # Best effort: the page that names the journal may be the damaged one.
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'journal_id'").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None
