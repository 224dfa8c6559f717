"""Bringing a database to the present schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"
_TURN = 0x76616C6574
"""The advisory lock of whoever migrates: `valet` in ASCII."""


def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations that the database at `url` does not have yet."""
    database = Database(url)
    try:
        with _one_at_a_time(database), database.engine.begin() as connection:
            _make_schema(connection)
            config = AlembicConfig()
            config.set_main_option("script_location", str(_SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        database.close()


@contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    """The tasks of a deployment begin at once, and each brings the database up to date first."""
    if database.is_sqlite:
        yield
        return
    held = database.engine.raw_connection()
    try:
        connection = held.driver_connection
        assert isinstance(connection, psycopg.Connection)
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_lock(%s)", (_TURN,))
        yield
    finally:
        # The lock is the connection's.
        held.invalidate()


def _make_schema(connection: Connection) -> None:
    """A district with a schema of its own (`search_path` in the address) may be new to its
    database."""
    if connection.dialect.name == "sqlite":
        return
    if connection.exec_driver_sql("SELECT current_schema()").scalar_one() is None:
        path: str = connection.exec_driver_sql("SHOW search_path").scalar_one()
        name = path.split(",")[0].strip().strip('"')
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE SCHEMA {quoted}")


def has_ours(connection: Connection) -> bool:
    """Whether the database has all migrations that this program knows of.

    One that it does not know is of a later release: migrations only add, so this program works
    with it too, as it has to while a deployment is under way.
    """
    known, newest = _revisions()
    found = MigrationContext.configure(connection).get_current_heads()
    return bool(found) and all(each in newest or each not in known for each in found)


def revisions() -> frozenset[str]:
    """The revisions of the schema that this program knows."""
    return _revisions()[0]


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """All revisions of this program, and the newest of them."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return known, frozenset(scripts.get_heads())
