"""A peer's outbox: as durable as a station's journal, and with less to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.peers.peer import A_COMMIT


class Outbox:
    """Lines in order, and how many of them somebody else has taken over."""

    def __init__(self, path: Path, lines: Sequence[bytes]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, line BLOB)")
        self._connection.execute("CREATE TABLE meta (acked INTEGER)")
        self._connection.execute("INSERT INTO meta VALUES (0)")
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO event VALUES (?, ?)", enumerate(lines, 1))
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def pages(self) -> Iterator[list[bytes]]:
        """All lines, read as they are needed."""
        after = 0
        while rows := self._connection.execute(
            "SELECT seq, line FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (after, A_COMMIT)
        ).fetchall():
            yield [line for _, line in rows]
            after = rows[-1][0]

    def mark(self, acked: int) -> None:
        """The first so many lines are somebody else's to keep from now on; durable on return."""
        self._connection.execute("UPDATE meta SET acked = ?", (acked,))

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()
