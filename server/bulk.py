"""Many rows of a table at once, without an object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Boolean, Connection, Dialect, LargeBinary
from sqlalchemy import Table as SQLTable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from server.models.table import UTCDateTime

Row = Mapping[str, Any]
Values = tuple[Any, ...]

# Below it, setting a COPY up costs more than it saves.
_COPY_ROWS_MIN = 8


def table_of(model: type[DeclarativeBase]) -> SQLTable:
    """The table behind a model."""
    table = model.__table__
    assert isinstance(table, SQLTable)
    return table


def append(connection: Connection, table: SQLTable, rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns in the same order."""
    if rows:
        append_values(connection, table, tuple(rows[0]), [tuple(row.values()) for row in rows])


def append_values(
    connection: Connection, table: SQLTable, names: tuple[str, ...], rows: Sequence[Values]
) -> None:
    """Insert rows that are bare values, in the order of `names`."""
    with appending(connection, table, names, rows):
        pass


@contextmanager
def appending(
    connection: Connection, table: SQLTable, names: tuple[str, ...], rows: Sequence[Values]
) -> Iterator[None]:
    """As `append_values`; but PostgreSQL may still be taking them in until the block ends, during
    which the connection is not free for anything else."""
    made = _as_driver_takes_them(connection.dialect, table, names, rows) if rows else []
    if connection.dialect.name == "postgresql" and len(rows) >= _COPY_ROWS_MIN:
        with _copying(connection, table, names, made):
            yield
        return
    if made:
        _insert(connection, table, names, made)
    yield


def _insert(
    connection: Connection, table: SQLTable, names: tuple[str, ...], rows: list[Values]
) -> None:
    """What SQLAlchemy would do, without its work for each value."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, rows)


@contextmanager
def _copying(
    connection: Connection, table: SQLTable, names: tuple[str, ...], rows: list[Values]
) -> Iterator[None]:
    """By COPY, which PostgreSQL takes in several times as fast as statements. Binary: as text,
    bytes would be twice as many."""
    command = f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    try:
        with raw.cursor() as cursor, cursor.copy(command) as copy:
            copy.set_types(_types(connection.dialect, table, names))
            for values in rows:
                copy.write_row(values)
            yield
    except psycopg.Error as error:
        raise DBAPIError.instance(command, None, error, psycopg.Error) from error


@lru_cache(maxsize=256)
def _types(dialect: Dialect, table: SQLTable, names: tuple[str, ...]) -> list[str]:
    """What PostgreSQL calls the types of some columns."""
    return [table.c[name].type.compile(dialect).lower() for name in names]


def _as_driver_takes_them(
    dialect: Dialect, table: SQLTable, names: tuple[str, ...], rows: Sequence[Values]
) -> list[Values]:
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for at, process in _processors(dialect, table, names):
        columns[at] = map(process, columns[at])
    return list(zip(*columns, strict=True))


@lru_cache(maxsize=256)
def _processors(
    dialect: Dialect, table: SQLTable, names: tuple[str, ...]
) -> list[tuple[int, Callable[[Any], Any]]]:
    """What has to be done to the values of some columns, by their places."""
    made = [_processor(dialect, table.c[name].type) for name in names]
    return [(at, process) for at, process in enumerate(made) if process is not None]


def _processor(dialect: Dialect, kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, (LargeBinary, Boolean)):
        # Both drivers take bytes and truth values as they are.
        return None
    if isinstance(kind, UTCDateTime):
        return _time_in_sqlite if dialect.name == "sqlite" else _time
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _time(at: datetime | None) -> datetime | None:
    assert at is None or at.tzinfo is not None
    return at


# The time of an event stands also in the rows that follow from it, that of receipt in all of them.
@lru_cache(maxsize=4096)
def _time_in_sqlite(at: datetime | None) -> str | None:
    """The text that SQLAlchemy makes of a time for SQLite."""
    if at is None:
        return None
    assert at.tzinfo is not None
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")
