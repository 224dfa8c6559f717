"""An empty database comes to the present schema, and the schema is what the models say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator, TypeEngine

from server.database import Database
from server.district import load_district
from server.migrate import upgrade
from server.models import Table
from tests.visit_story import small_district


def revision(database: Database) -> str | None:
    """Where the database is."""
    with database.engine.connect() as connection:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def differ(_context: object, _column: object, _meta: object, found: object, ours: object) -> bool:
    """Whether a column's type is another one, beneath our own names for types."""
    assert isinstance(found, TypeEngine)
    assert isinstance(ours, TypeEngine)
    plain = ours.impl_instance if isinstance(ours, TypeDecorator) else ours
    return not issubclass(type(found), plain._type_affinity or type(plain))


def test_an_empty_database_gets_every_table_of_the_models(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    database = Database(empty_database_url)
    tables = set(inspect(database.engine).get_table_names())
    assert tables == set(Table.metadata.tables) | {"alembic_version"}
    database.close()


def test_processes_that_begin_at_once_migrate_one_after_the_other(empty_postgres_url: str) -> None:
    with ThreadPoolExecutor(3) as tasks:
        list(tasks.map(upgrade, [empty_postgres_url] * 3))

    database = Database(empty_postgres_url)
    assert revision(database) is not None
    database.close()


def test_the_migrations_and_the_models_agree(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.connect() as connection:
        options = {"compare_type": differ, "render_as_batch": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Table.metadata) == []
    database.close()


def test_every_index_and_its_condition_is_in_the_database(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.connect() as connection:
        found = {name: definition.lower() for name, definition in indexes(connection)}
    for table in Table.metadata.tables.values():
        for index in table.indexes:
            definition = found[str(index.name)]
            assert ("unique" in definition) is bool(index.unique)
            condition = index.dialect_options[database.engine.dialect.name]["where"]
            assert (" where " in definition) is (condition is not None)
    database.close()


def indexes(connection: Connection) -> list[tuple[str, str]]:
    """Names and definitions of all indexes."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    return [(name, definition) for name, definition in connection.execute(text(query))]


def test_coming_to_the_present_twice_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    database.write(lambda session: load_district(session, small_district()))
    before = revision(database)
    upgrade(database_url)
    assert revision(database) == before is not None
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM places")) == 5
    database.close()


@pytest.mark.parametrize("name", ["uq_requests_open", "uq_visits_key_tag_live"])
def test_the_database_itself_guards_what_must_be_one(database_url: str, name: str) -> None:
    database = Database(database_url)
    found = {
        index["name"]
        for table in ("requests", "visits")
        for index in inspect(database.engine).get_indexes(table)
    }
    assert name in found
    database.close()
