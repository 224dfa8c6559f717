"""Bringing a database to the present schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig

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
