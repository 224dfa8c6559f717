"""Several districts in one PostgreSQL, each in a schema of its own: neither sees the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect

from server.database import Database
from server.database_url import in_schema
from server.district import current_version, next_version
from server.migrate import has_ours, upgrade
from server.models import Table, VisitRow
from server.notices import Notices
from tests.cloud_kit import CloudKit
from tests.visit_story import Story, settings

DEADLINE_S = 60.0

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_two_districts_share_a_database_and_nothing_else(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    urls = [in_schema(empty_postgres_url, name) for name in ("casco", "amador")]
    for url in urls:
        upgrade(url)
    casco, amador = (Database(url) for url in urls)
    config = settings(tmp_path, urls[0])
    kits = [CloudKit(casco, config), CloudKit(amador, replace(config, database_url=urls[1]))]
    stories = [Story(kit.database, kit.config) for kit in kits]

    # The same ids, tags and events in both.
    for story in stories:
        story.receive("herrera").take("lote-norte")
    stories[0].wait(minutes=5)
    stories[0].visits[0].park()

    assert [kit.one(VisitRow).state for kit in kits] == ["parked", "to_lot"]
    assert casco.read(lambda session: has_ours(session.connection()))
    assert set(inspect(amador.engine).get_table_names()) >= set(Table.metadata.tables)
    with psycopg.connect(plain(empty_postgres_url)) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchone() == (0,)

    notices, other = Notices(casco, 600), Notices(amador, 600)
    notices.start()
    other.start()
    before = casco.read(current_version)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(notices.wait, before, DEADLINE_S)
        amador.write(next_version)
        casco.write(next_version)
        assert wait.result(DEADLINE_S) == before + 1
    for each in (notices, other, casco, amador):
        each.close()


def test_no_table_refers_to_another_so_that_a_district_can_move() -> None:
    """Nothing holds the tables of a district together but the district itself."""
    for table in Table.metadata.tables.values():
        assert not table.foreign_keys, table.name


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg:", "postgresql:")
