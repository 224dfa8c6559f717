"""Many rows of a table at once, without an object for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, insert
from sqlalchemy import Table as SQLTable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from server.models.table import UTCDateTime

Row = Mapping[str, Any]

# Below it, setting a COPY up costs more than it saves.
_COPY_ROWS_MIN = 8


def table_of(model: type[DeclarativeBase]) -> SQLTable:
    """The table behind a model."""
    table = model.__table__
    assert isinstance(table, SQLTable)
    return table


def append(connection: Connection, table: SQLTable, rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns in the same order."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _insert(connection, table, rows)
    elif len(rows) >= _COPY_ROWS_MIN:
        _copy(connection, table, rows)
    else:
        connection.execute(insert(table), rows)


def _insert(connection: Connection, table: SQLTable, rows: Sequence[Row]) -> None:
    """What SQLAlchemy would do, without its work for each value."""
    names = tuple(rows[0])
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, _values(connection.dialect, table, names, rows))


def _copy(connection: Connection, table: SQLTable, rows: Sequence[Row]) -> None:
    """By COPY, which PostgreSQL takes in several times as fast as statements."""
    names = tuple(rows[0])
    command = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    try:
        with raw.cursor() as cursor, cursor.copy(command) as copy:
            for values in _values(connection.dialect, table, names, rows):
                copy.write_row(values)
    except psycopg.Error as error:
        raise DBAPIError.instance(command, None, error, psycopg.Error) from error


def _values(
    dialect: Dialect, table: SQLTable, names: tuple[str, ...], rows: Sequence[Row]
) -> list[tuple[Any, ...]]:
    """The rows as the driver takes them."""
    columns = [[row[name] for row in rows] for name in names]
    for at, process in _processors(dialect, table, names):
        columns[at] = [process(value) for value in columns[at]]
    return list(zip(*columns, strict=True))


@lru_cache(maxsize=256)
def _processors(
    dialect: Dialect, table: SQLTable, names: tuple[str, ...]
) -> list[tuple[int, Callable[[Any], Any]]]:
    """What has to be done to the values of some columns, by their places."""
    made = [_processor(dialect, table.c[name].type) for name in names]
    return [(at, process) for at, process in enumerate(made) if process is not None]


def _processor(dialect: Dialect, kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, UTCDateTime) and dialect.name == "sqlite":
        return _time_in_sqlite
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _time_in_sqlite(at: datetime | None) -> str | None:
    """The text that SQLAlchemy makes of a time for SQLite, in a third of the time."""
    if at is None:
        return None
    assert at.tzinfo is not None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
