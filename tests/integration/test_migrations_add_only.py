"""Migrations add first: what the release before reads and writes stays where it is.

During a deployment the code of the release before works on the migrated database; what it does not
know of has a default. Taking away comes a release later, when nobody reads it any more, and is
then named in `TAKEN_AWAY`. The older rows are those of `tests.wire`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

from reader_agent.migrations import MIGRATIONS
from server import migrate
from server.database import Database
from server.migrate import upgrade
from server.rebuild import rebuild
from tests.wire.recording import Recording, kept_versions, load

TAKEN_AWAY: dict[str, str] = {}
"""Revision of the cloud's schema: what it takes away, and the last release that read it."""

Columns = dict[str, dict[str, dict[str, Any]]]
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "VARCHAR": sa.String(),
    "TEXT": sa.Text(),
    "BIGINT": sa.BigInteger(),
    "BOOLEAN": sa.Boolean(),
    "DATETIME": sa.DateTime(timezone=True),
    "BLOB": sa.LargeBinary(),
}


@pytest.fixture(params=kept_versions())
def kept(request: pytest.FixtureRequest) -> Recording:
    """Each recorded version."""
    return load(request.param)


def revisions() -> list[str]:
    """The cloud's migrations, oldest first."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(migrate._SCRIPTS))
    found = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in found][::-1]


def test_no_step_of_the_cloud_takes_away_what_older_code_uses(empty_database_url: str) -> None:
    before: Columns = {}
    rules: dict[str, set[str]] = {}
    for revision in revisions():
        upgrade(empty_database_url, revision)
        database = Database(empty_database_url)
        inspector = sa.inspect(database.engine)
        after, stricter = schema_of(inspector), rules_of(inspector)
        database.close()
        if revision not in TAKEN_AWAY:
            assert (revision, taken_away(before, after)) == (revision, [])
            assert (revision, new_rules(before, rules, stricter)) == (revision, [])
        before, rules = after, stricter
    assert len(before) > 20


def test_no_step_of_a_station_takes_away_what_older_code_uses() -> None:
    connection, before = sqlite3.connect(":memory:"), Columns()
    for number, step in enumerate(MIGRATIONS):
        for statement in step:
            connection.execute(statement)
        after = station_schema(connection)
        assert (number, taken_away(before, after)) == (number, [])
        before = after
    connection.close()
    assert "event" in before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"stall": {"type": "TEXT", "null": True, "default": None}}, []),
        ({"floor": {"type": "TEXT", "null": False, "default": "'1'"}}, []),
        ({"floor": {"type": "TEXT", "null": False, "default": None}}, ["car.floor: must be given"]),
        ({"plate": None}, ["car.plate: gone"]),
        ({"plate": {"type": "BIGINT", "null": True, "default": None}}, ["car.plate: BIGINT"]),
        ({"plate": {"type": "TEXT", "null": False, "default": None}}, ["car.plate: must be given"]),
    ],
    ids=str,
)
def test_what_takes_away_is_seen(change: dict[str, Any], found: list[str]) -> None:
    before: Columns = {"car": {"plate": {"type": "TEXT", "null": True, "default": None}}}
    changed = {name: column for name, column in (before["car"] | change).items() if column}
    assert taken_away(before, {"car": changed, "new": {}}) == found
    assert taken_away(before, {}) == ["car: gone"]
    assert new_rules(before, {"car": set()}, {"car": {"unique plate"}}) == ["car: unique plate"]
    assert new_rules(before, {}, {"new": {"unique plate"}}) == []
    assert new_rules(before, {"car": set()}, {"car": {"unique floor"}}) == []


def schema_of(inspector: sa.Inspector) -> Columns:
    """Every column of a database: its type, whether it may be null, and what it is if not given."""
    return {
        table: {
            column["name"]: {
                "type": str(column["type"]),
                "null": column["nullable"],
                "default": column["default"],
            }
            for column in inspector.get_columns(table)
        }
        for table in inspector.get_table_names()
    }


def rules_of(inspector: sa.Inspector) -> dict[str, set[str]]:
    """What each table does not let in twice, or at all."""
    return {
        table: {
            *(
                "unique " + " ".join(str(name) for name in index["column_names"])
                for index in inspector.get_indexes(table)
                if index["unique"]
            ),
            *(f"check {rule['name']}" for rule in inspector.get_check_constraints(table)),
            *(f"foreign {rule['name']}" for rule in inspector.get_foreign_keys(table)),
        }
        for table in inspector.get_table_names()
    }


def station_schema(connection: sqlite3.Connection) -> Columns:
    """The same of a station's database."""
    return {
        table: {
            name: {"type": kind, "null": not no_null, "default": default}
            for _, name, kind, no_null, default, _ in connection.execute(
                f"PRAGMA table_info({table})"
            )
        }
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }


def taken_away(before: Columns, after: Columns) -> list[str]:
    """What code that knows `before` would miss in `after`, or does not know that it must give."""
    found = []
    for table, columns in before.items():
        if table not in after:
            found.append(f"{table}: gone")
            continue
        for name in columns.keys() | after[table].keys():
            was, now = columns.get(name), after[table].get(name)
            if now is None:
                found.append(f"{table}.{name}: gone")
            elif was is not None and was["type"] != now["type"]:
                found.append(f"{table}.{name}: {now['type']}")
            elif (was is None or was["null"]) and not now["null"] and now["default"] is None:
                found.append(f"{table}.{name}: must be given")
    return sorted(found)


def new_rules(before: Columns, rules: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """Rules about columns that older code writes and that it does not know of."""
    return [
        f"{table}: {rule}"
        for table in before.keys() & after.keys()
        for rule in sorted(after[table] - rules.get(table, set()))
        # A unique index over a new column lets in all that leave it out.
        if not rule.startswith("unique") or set(rule.split()[1:]) <= before[table].keys()
    ]


def test_a_step_that_was_recorded_has_never_changed(kept: Recording, empty_sqlite_url: str) -> None:
    tables = recorded_tables(kept)
    upgrade(empty_sqlite_url, kept["tables"]["alembic_version"])
    database = Database(empty_sqlite_url)
    found = schema_of(sa.inspect(database.engine))
    database.close()
    del found["alembic_version"]
    assert {
        table: {name: [each["type"], each["null"]] for name, each in columns.items()}
        for table, columns in found.items()
    } == {
        table: {name: [each["type"], each["null"]] for name, each in facts["columns"].items()}
        for table, facts in tables.items()
    }


def test_a_stations_step_that_was_recorded_has_never_changed(kept: Recording) -> None:
    for facts in kept["stations"].values():
        was, now = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
        was.executescript("\n".join(facts["sql"]))
        for statement in (each for step in MIGRATIONS[: facts["user_version"]] for each in step):
            now.execute(statement)
        assert statements(was) == statements(now)
        was.close()
        now.close()


def statements(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """How everything in a file was made."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    return connection.execute(query).fetchall()


def test_the_older_rows_come_through_the_migrations(
    kept: Recording, empty_database_url: str
) -> None:
    upgrade(empty_database_url, kept["tables"]["alembic_version"])
    database = Database(empty_database_url)
    write_rows(database, kept)
    database.close()
    upgrade(empty_database_url)
    database = Database(empty_database_url)
    assert_rows(database, kept)
    assert database.write(rebuild) == []
    database.close()


def test_the_older_code_can_write_its_rows_into_todays_tables(
    kept: Recording, database_url: str
) -> None:
    database = Database(database_url)
    write_rows(database, kept)
    assert_rows(database, kept)
    database.close()


def write_rows(database: Database, kept: Recording) -> None:
    """Write the recorded rows, naming only the columns that their version knew."""
    with database.engine.begin() as connection:
        for name, facts in recorded_tables(kept).items():
            if facts["rows"]:
                connection.execute(sa.insert(table_of(name, facts)), list(rows_of(facts)))


def assert_rows(database: Database, kept: Recording) -> None:
    """Check that they are there, as they were."""
    with database.engine.connect() as connection:
        for name, facts in recorded_tables(kept).items():
            found = [
                {column: _in_utc(value) for column, value in row.items()}
                for row in connection.execute(sa.select(table_of(name, facts))).mappings()
            ]
            assert sorted(map(repr, found)) == sorted(map(repr, rows_of(facts))), name


def recorded_tables(kept: Recording) -> dict[str, Any]:
    """The recorded tables by name."""
    return {name: facts for name, facts in kept["tables"].items() if name != "alembic_version"}


def table_of(name: str, facts: dict[str, Any]) -> sa.Table:
    """A table with the columns that were recorded."""
    columns = [sa.Column(each, _TYPES[of["type"]]) for each, of in facts["columns"].items()]
    return sa.Table(name, sa.MetaData(), *columns)


def rows_of(facts: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The recorded rows in Python's types."""
    for row in facts["rows"]:
        pairs = zip(facts["columns"].items(), row, strict=True)
        yield {name: _value(column["type"], raw) for (name, column), raw in pairs}


def _value(kind: str, raw: Any) -> Any:
    if raw is None:
        return None
    if kind == "DATETIME":
        return _in_utc(datetime.fromisoformat(raw))
    if kind == "BLOB":
        return bytes.fromhex(raw)
    return bool(raw) if kind == "BOOLEAN" else raw


def _in_utc(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
