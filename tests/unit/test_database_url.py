"""Addresses of a database with several hosts, and of one district in a shared one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from server.config import ConfigError, load_config
from server.database import Database
from server.database_url import spread_hosts


def test_two_hosts_become_what_the_driver_is_told() -> None:
    database = Database("postgresql://ana:s%40f@one:5433,two:5434/valet?sslmode=require")
    _, told = database.engine.dialect.create_connect_args(database.engine.url)
    assert told["host"] == "one,two"
    assert told["port"] == "5433,5434"
    assert (told["user"], told["password"], told["dbname"]) == ("ana", "s@f", "valet")
    assert (told["sslmode"], told["target_session_attrs"]) == ("require", "read-write")
    database.close()


def test_who_asks_for_other_hosts_gets_them() -> None:
    url = make_url(spread_hosts("postgresql+psycopg://one,two/valet?target_session_attrs=any"))
    assert url.query["target_session_attrs"] == "any"
    assert url.query["host"] == ("one", "two")


@pytest.mark.parametrize(
    "url",
    ["postgresql://one/valet", "postgresql:///valet?host=/run", "sqlite:////var/a,b/valet.db"],
)
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert spread_hosts(url) == url


def test_a_host_that_goes_without_a_word_is_noticed() -> None:
    database = Database("postgresql://one/valet?connect_timeout=3")
    _, told = database.engine.dialect.create_connect_args(database.engine.url)
    assert told["connect_timeout"] == "3"
    assert int(told["tcp_user_timeout"]) > 0
    assert int(told["keepalives_idle"]) > 0
    database.close()


def test_a_district_in_a_schema_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VALET_SERVER_DATABASE_URL", "postgresql://one/valet?sslmode=require")
    monkeypatch.setenv("VALET_SERVER_DATABASE_SCHEMA", "casco")
    config = load_config()
    assert config.database_url.endswith("sslmode=require&options=-csearch_path%3Dcasco")

    monkeypatch.setenv("VALET_SERVER_DATABASE_SCHEMA", "Casco; DROP")
    with pytest.raises(ConfigError, match="DATABASE_SCHEMA"):
        load_config()

    monkeypatch.setenv("VALET_SERVER_DATABASE_URL", f"sqlite:///{tmp_path}/valet.db")
    monkeypatch.setenv("VALET_SERVER_DATABASE_SCHEMA", "casco")
    assert "casco" not in load_config().database_url
