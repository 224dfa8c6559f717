"""A peer's sink: a bare insert of what is not there yet, durable, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

_TABLE = "CREATE TABLE event (id TEXT PRIMARY KEY, seq BIGINT NOT NULL, line {blob} NOT NULL)"
_INSERT = "INSERT INTO event VALUES ({0}, {0}, {0}) ON CONFLICT DO NOTHING"
_CENSUS = "SELECT count(DISTINCT id), count(DISTINCT seq), max(seq) - min(seq) + 1 FROM event"


class Sink:
    """One table in a database of its own: `sqlite:///…` or `postgresql://…`. `close` it."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        self._connection: Any
        if self._is_sqlite:
            self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
        else:
            self._connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

    def create(self) -> None:
        """Make the table."""
        blob = "BLOB" if self._is_sqlite else "BYTEA"
        self._connection.execute(_TABLE.format(blob=blob))

    def insert(self, lines: Sequence[bytes]) -> None:
        """Keep these lines in one transaction; durable on return."""
        rows = []
        for line in lines:
            body = json.loads(line)
            rows.append((body["id"], body["seq"], line))
        if self._is_sqlite:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT.format("?"), rows)
            self._connection.execute("COMMIT")
            return
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(_INSERT.format("%s"), rows)

    def census(self) -> tuple[int, ...]:
        """How many ids, how many sequences, and how long the stretch is that they cover. (The
        table's key lets each id in only once.)"""
        return tuple(self._connection.execute(_CENSUS).fetchone())

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


@contextmanager
def new_sink(url: str, count: int) -> Iterator[None]:
    """A table in this database, in which every one of `count` events must lie at the end."""
    with closing(Sink(url)) as sink:
        sink.create()
    yield
    with closing(Sink(url)) as sink:
        assert sink.census() == (count, count, count), sink.census()
