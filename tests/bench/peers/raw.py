"""What the databases do at the most: the rows that the cloud stores of these events, made before
the time is taken, with no network, no check and no index but the two keys.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from tests.bench.peers.peer import A_COMMIT, Run

_COLUMNS = (
    "journal_id TEXT, seq BIGINT, event_id TEXT UNIQUE, type TEXT, visit_id TEXT, tag_id TEXT,"
    " place_id TEXT, actor TEXT, at TEXT, time_source TEXT, received_at TEXT, position BIGINT,"
    " line {blob}, PRIMARY KEY (journal_id, seq)"
)
_INSERT = "INSERT INTO events VALUES ({marks}) ON CONFLICT DO NOTHING"
_WIDTH = 13
_CENSUS = "SELECT count(DISTINCT event_id), max(seq) - min(seq) + 1 FROM events"

JOURNAL = "00000000-0000-4000-8000-000000000001"
Row = tuple[str | int | bytes | None, ...]


@dataclass(frozen=True)
class RawInserts:
    """`executemany`, 500 rows a commit, fully durable, into the database of the run."""

    name: str = "raw executemany"

    def missing(self) -> str | None:
        """Nothing: both databases are there."""
        return None

    def drain(self, run: Run) -> float:
        """Seconds for the inserts alone."""
        rows = [_row(line) for line in run.lines]
        is_sqlite = run.database_url.startswith("sqlite:///")
        return _into_sqlite(run, rows) if is_sqlite else _into_postgres(run, rows)


def _into_sqlite(run: Run, rows: Sequence[Row]) -> float:
    path = run.database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"CREATE TABLE events ({_COLUMNS.format(blob='BLOB')})")
    insert = _INSERT.format(marks=", ".join("?" * _WIDTH))
    began_s = time.perf_counter()
    for first in range(0, len(rows), A_COMMIT):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[first : first + A_COMMIT])
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began_s
    _assert_whole(connection.execute(_CENSUS).fetchone(), len(rows))
    connection.close()
    return took_s


def _into_postgres(run: Run, rows: Sequence[Row]) -> float:
    insert = _INSERT.format(marks=", ".join(["%s"] * _WIDTH))
    with psycopg.connect(run.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE events ({_COLUMNS.format(blob='BYTEA')})".encode())
        began_s = time.perf_counter()
        for first in range(0, len(rows), A_COMMIT):
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(insert.encode(), rows[first : first + A_COMMIT])
        took_s = time.perf_counter() - began_s
        _assert_whole(connection.execute(_CENSUS).fetchone(), len(rows))
    return took_s


def _row(line: bytes) -> Row:
    body = json.loads(line)
    return (
        JOURNAL,
        body["seq"],
        body["id"],
        body["type"],
        body["visit_id"],
        None,
        body["place_id"],
        body["actor"],
        body["wall"],
        "wall",
        body["wall"],
        1,
        line,
    )


def _assert_whole(census: object, count: int) -> None:
    assert census == (count, count), census
