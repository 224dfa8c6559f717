"""Bringing a database to the present schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations that the database at `url` does not have yet."""
    database = Database(url)
    try:
        with database.engine.begin() as connection:
            config = AlembicConfig()
            config.set_main_option("script_location", str(_SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        database.close()


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
