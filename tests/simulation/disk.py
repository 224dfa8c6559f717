"""A station's card: what was committed to it, and how it fills up, dies and is put back.

Stands between `StationDB` and SQLite, statement by statement. Every line that a commit made
durable is remembered here, outside of the station: it is what the station must never lose.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT")
_SUFFIXES = ("", "-wal")


class AgentKilled(BaseException):
    """The agent's process is gone: nothing that it would still do happens."""


@dataclass
class Committed:
    """The lines of one journal that were ever committed, and those that stand there now."""

    now: dict[int, bytes] = field(default_factory=dict)
    ever: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def add(self, seq: int, line: bytes) -> None:
        """A commit made this line durable."""
        self.now[seq] = line
        self.ever[seq].append(line)


class Disk:
    """One station's files. `kill_in`: the agent dies at so many statements from now."""

    def __init__(self, folder: Path, coin: Callable[[], float]) -> None:
        self.folder = folder
        self.journals: dict[str, Committed] = {}
        self.journal_id: str | None = None
        self.commits = 0
        self.on_commit: Callable[[], object] = lambda: None
        self.last_line: bytes | None = None
        self.is_full = False
        self.kill_in: int | None = None
        self.is_dead = False
        self._coin = coin
        self._staged: list[tuple[int, bytes]] = []
        self._renamed: str | None = None
        self._crash: dict[str, bytes] = {}
        self._connections: list[sqlite3.Connection] = []

    @property
    def path(self) -> Path:
        """The database file."""
        return self.folder / "station.sqlite3"

    def connected(self, connection: sqlite3.Connection) -> DiskConnection:
        """The station opened its database: read what is in it."""
        self._connections.append(connection)
        self.is_dead = False
        self._staged.clear()
        self._renamed = None
        row = connection.execute("SELECT value FROM meta WHERE key = 'journal_id'").fetchone()
        self.journal_id = None if row is None else str(row[0])
        return DiskConnection(connection, self)

    @property
    def journal(self) -> Committed:
        """The journal that is open."""
        assert self.journal_id is not None
        return self.journals.setdefault(self.journal_id, Committed())

    def before(self, sql: str, parameters: Sequence[Any]) -> bool:
        """Called before each statement; True if the agent dies right after it."""
        if self.is_dead:
            raise AgentKilled
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                if sql == "COMMIT" and self._coin() < 0.5:
                    return True
                self.die()
        if self.is_full and sql.startswith(_WRITES) and (sql != "COMMIT" or self._coin() < 0.3):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        if sql.startswith("INSERT INTO event "):
            self._staged.append((parameters[0], parameters[3]))
        elif sql.startswith("INSERT INTO meta VALUES ('journal_id'"):
            self._renamed = str(parameters[0])
        return False

    def after(self, sql: str) -> None:
        """A statement was carried out."""
        if sql == "COMMIT":
            self.commits += 1
            if self._renamed is not None:
                self.journal_id, self._renamed = self._renamed, None
            for seq, line in self._staged:
                self.journal.add(seq, line)
                self.last_line = line
            self._staged.clear()
            self.on_commit()
        elif sql == "ROLLBACK":
            self._staged.clear()
            self._renamed = None

    def die(self) -> None:
        """The process ends here: what is in the files now is what the next one finds."""
        self.is_dead, self.kill_in = True, None
        self._crash = self.image()
        raise AgentKilled

    def release(self) -> None:
        """After a death: close the files as they were at that instant."""
        crash = self._crash or self.image()
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._crash = {}
        self.put_back(crash)

    def image(self) -> dict[str, bytes]:
        """The files' bytes."""
        found = {}
        for suffix in _SUFFIXES:
            path = self.path.with_name(self.path.name + suffix)
            if path.exists():
                found[suffix] = path.read_bytes()
        return found

    def put_back(self, image: dict[str, bytes]) -> None:
        """Make the files what they were in an image. Nobody may have them open."""
        for suffix in _SUFFIXES:
            path = self.path.with_name(self.path.name + suffix)
            if suffix in image:
                path.write_bytes(image[suffix])
            elif path.exists():
                path.unlink()

    def stored(self) -> list[tuple[int, bytes]]:
        """Every line in the journal's table, as it lies in the file."""
        rows = self._connections[-1].execute("SELECT seq, line FROM event ORDER BY seq")
        return [(row[0], row[1]) for row in rows]


class DiskConnection:
    """As much of `sqlite3.Connection` as `StationDB` uses."""

    def __init__(self, real: sqlite3.Connection, disk: Disk) -> None:
        self._real = real
        self._disk = disk

    @property
    def in_transaction(self) -> bool:
        """A dead process rolls nothing back."""
        return not self._disk.is_dead and self._real.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """One statement."""
        dies_after = self._disk.before(sql, parameters)
        cursor = self._real.execute(sql, parameters)
        self._disk.after(sql)
        if dies_after:
            self._disk.die()
        return cursor

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """One statement for many rows."""
        self._disk.before(sql, ())
        return self._real.executemany(sql, rows)

    def close(self) -> None:
        """Let go of the file."""
        self._real.close()
