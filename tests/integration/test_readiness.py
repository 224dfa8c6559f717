"""`/healthz` and `/readyz`: what lives, what is ready, and what is said of the rest."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from structlog.testing import capture_logs

from server import clock, readiness, workers
from server.app import create_app
from server.bounded_database import BoundedDatabase
from server.config import Config
from server.database import Database
from tests.visit_story import settings

NOW = datetime(2026, 3, 7, 20, 0, tzinfo=UTC)
SILENT = timedelta(seconds=126)
PASSWORD = "a-password-of-a-database"


@pytest.fixture(autouse=True)
def _time_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    # And every question is looked at anew.
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(readiness, "_KEPT_S", -1.0)


@contextmanager
def serving(config: Config) -> Iterator[FlaskClient]:
    """A process of the cloud."""
    app = create_app(config)
    yield app.test_client()
    app.extensions["valet"].database.close()


def beat(url: str, at: datetime) -> None:
    """A worker was seen then."""
    database = Database(url)
    database.note(lambda session: workers.beat(session, "1-a", at))
    database.close()


def run(url: str, statement: str) -> None:
    """Change the database behind the cloud's back."""
    database = Database(url)
    database.write(lambda session: session.execute(text(statement)))
    database.close()


def parts(client: FlaskClient) -> tuple[int, dict[str, str]]:
    """Status and parts."""
    answer = client.get("/readyz")
    if answer.status_code == 503:
        assert answer.mimetype == "application/problem+json"
        assert answer.get_json()["code"] == "part_not_ready"
        assert int(answer.headers["Retry-After"]) > 0
    found: dict[str, str] = answer.get_json()["parts"]
    return answer.status_code, found


def test_it_is_ready_while_a_worker_is_seen_and_says_loss_and_return_once(
    tmp_path: Path, database_url: str
) -> None:
    fine = {"database": "ok", "migrations": "ok", "worker": "ok"}
    with serving(settings(tmp_path, database_url)) as client, capture_logs() as logged:
        assert parts(client) == (503, {**fine, "worker": "not_seen"})
        assert parts(client)[0] == 503
        beat(database_url, NOW)
        assert parts(client) == (200, fine)
        beat(database_url, NOW - SILENT)
        assert parts(client) == (503, {**fine, "worker": "not_seen"})
        assert client.get("/healthz").get_json() == {"status": "ok"}
    said = [entry["event"] for entry in logged]
    assert said == ["not_ready", "ready_again", "not_ready"]
    assert logged[0]["worker"] == "not_seen"


def test_an_older_database_is_behind_and_a_newer_one_is_not(
    tmp_path: Path, database_url: str
) -> None:
    beat(database_url, NOW)
    with serving(settings(tmp_path, database_url)) as client:
        run(database_url, "UPDATE alembic_version SET version_num = '0015'")
        behind = (503, {"database": "ok", "migrations": "behind", "worker": "not_looked_at"})
        assert parts(client) == behind
        run(database_url, "UPDATE alembic_version SET version_num = '9999'")
        assert parts(client)[0] == 200
        run(database_url, "DELETE FROM alembic_version")
        assert parts(client) == behind


def test_a_database_without_tables_is_behind(tmp_path: Path, empty_database_url: str) -> None:
    with serving(settings(tmp_path, empty_database_url)) as client:
        assert parts(client)[1]["migrations"] == "behind"


def test_without_a_database_it_lives_and_is_not_ready(tmp_path: Path, sqlite_url: str) -> None:
    config = settings(tmp_path, sqlite_url)
    nowhere = f"sqlite:///{tmp_path}/no/such/folder/valet.db"
    with serving(replace(config, database_url=nowhere)) as client:
        assert parts(client)[1] == {
            "database": "unreachable",
            "migrations": "not_looked_at",
            "worker": "not_looked_at",
        }
        assert client.get("/healthz").status_code == 200


def test_a_database_that_says_nothing_is_given_up_and_no_secret_is_told(
    tmp_path: Path, sqlite_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        url = f"postgresql://valet:{PASSWORD}@127.0.0.1:{port}/valet"
        config = replace(settings(tmp_path, sqlite_url), database_url=url, ready_within_s=2)
        with serving(config) as client, capture_logs() as logged:
            answer = client.get("/readyz")
    assert answer.get_json()["parts"]["database"] == "unreachable"
    assert PASSWORD not in answer.text + str(logged)


def test_a_look_at_postgresql_has_an_end_on_every_side(postgres_url: str) -> None:
    bounded = BoundedDatabase(f"{postgres_url}?options=-c%20lock_timeout%3D77", 2)
    with bounded.looking() as database:
        asked = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        row = database.read(lambda session: session.execute(text(asked)).one())
    assert tuple(row) == ("2s", "77ms")


def test_who_asks_all_the_time_gets_the_last_answer(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_KEPT_S", 3600.0)
    with serving(settings(tmp_path, sqlite_url)) as client:
        assert parts(client)[0] == 503
        beat(sqlite_url, NOW)
        assert parts(client)[0] == 503
        monkeypatch.setattr(readiness, "_KEPT_S", -1.0)
        assert parts(client)[0] == 200
