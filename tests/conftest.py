"""What every test gets: a clean environment, no network, and on request databases and a browser.

| fixture | gives |
| --- | --- |
| `database_url` | the test twice, on a migrated SQLite file and on a migrated PostgreSQL |
| `sqlite_url`, `postgres_url` | one of the two |
| `empty_database_url` | the same without any table, for tests of the migrations |
| `unmeasured` | a test during which no coverage is measured |
| `postgres_cluster` | the PostgreSQL itself, one for each pytest process |
| `chromium_page` | an empty page of 800x480 in Spanish, in Panama's time zone |
| `chromium_pages` | `open(locale=..., width=..., javascript=...)`: as many pages as a test needs |
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page

from tests import chromium, postgres, scratch
from tests.log_scan import LogScan
from tests.network_guard import loopback_only
from tests.unmeasured import is_measured, unmeasuring

HERE = Path(__file__).resolve().parent
TIERS = ("unit", "property", "integration", "fault", "browser", "bench")
DATABASES = ("sqlite", "postgresql")
TEMPLATE = "valet_template"
SPARE = "valet_spare"

# The same examples on every run: a test that fails on one machine fails on all.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# For a person who looks for new counterexamples: VALET_TEST_HYPOTHESIS=explore.
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("VALET_TEST_HYPOTHESIS", "ci"))


# Where bytecode is forbidden, every process that a test starts would compile every module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    """Let every folder that a test gets lie in memory, unless it is the disk that is measured."""
    config.pluginmanager.register(LogScan(), "log-scan")
    is_measured = any("bench" in Path(name.partition("::")[0]).parts for name in config.args)
    folder = None if is_measured else scratch.memory_folder()
    if folder is not None:
        # For Python's own temporary files too: PostgreSQL's data lies in one of their folders.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
        tempfile.tempdir = str(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the tier whose directory it lies in; let the quick ones come last.

    The workers take file after file. The long ones of all tiers come first and by turns, so that
    some compute while others wait; the short ones at the end keep every worker busy to its last.
    """
    for item in items:
        if _tier(item) in TIERS:
            item.add_marker(_tier(item))
    turns: dict[Path, tuple[bool, int]] = {}
    files: Counter[str] = Counter()
    for path in dict.fromkeys(item.path for item in items):
        tier = path.relative_to(HERE).parts[0]
        turns[path] = (tier == "unit", files[tier])
        files[tier] += 1
    items.sort(key=lambda item: turns[item.path])


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let every app of every worker share the compiled templates: thousands of apps are made."""
    folder = tmp_path_factory.getbasetemp().parent / "templates"
    folder.mkdir(exist_ok=True)
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(folder))}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests, and every way to a cloud account."""
    for name in list(os.environ):
        ours = name.startswith("VALET_") and not name.startswith("VALET_TEST_")
        if ours or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Undo what a command does that sets up the logs of its process, which here is everybody's."""
    kept = structlog.get_config()
    structlog.contextvars.clear_contextvars()
    yield
    structlog.configure(**kept)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage only in tests where it tells something."""
    with contextlib.nullcontext() if is_measured(item, _tier(item)) else unmeasuring():
        return (yield)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Coverage stands still for as long as the test lasts, also in the processes that it starts:
    it knows no greenlets, and makes what does the same thing a thousand times slow."""
    with unmeasuring():
        yield


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """One private PostgreSQL for this pytest process."""
    try:
        with postgres.running_cluster() as cluster:
            yield cluster
    except postgres.PostgresMissing as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def _postgres_template(postgres_cluster: postgres.Cluster) -> str:
    """Migrate one database, once; copying it is far quicker than migrating again."""
    from server.migrate import upgrade

    postgres_cluster.create(TEMPLATE)
    upgrade(postgres_cluster.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _postgres_spare(postgres_cluster: postgres.Cluster, _postgres_template: str) -> str:
    """Copy the template once for all tests that take turns with one database."""
    postgres_cluster.create(SPARE, template=_postgres_template)
    return SPARE


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file, once, and fold its write-ahead log into it."""
    from server.migrate import upgrade

    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def postgres_url(postgres_cluster: postgres.Cluster, _postgres_spare: str) -> Iterator[str]:
    """Give the URL of a migrated PostgreSQL database that only this test has.

    The last test's database is emptied and goes by a new name: that is twenty times cheaper than
    another copy of the template, and what a test left behind finds nobody under the old name.
    """
    name = _new_name()
    postgres_cluster.rename(_postgres_spare, name)
    yield postgres_cluster.url(name)
    postgres_cluster.rename(name, _postgres_spare)
    postgres_cluster.empty(_postgres_spare, keep="alembic_version")


@pytest.fixture
def empty_postgres_url(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """Give the URL of a PostgreSQL database without any table."""
    name = _new_name()
    postgres_cluster.create(name)
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """Give the URL of a migrated SQLite file that only this test has."""
    path = tmp_path / "server.sqlite3"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'server.sqlite3'}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """Run the test on both databases, each migrated and empty."""
    return _by_name(request, {"sqlite": "sqlite_url", "postgresql": "postgres_url"})


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Run the test on both databases, without any table."""
    return _by_name(request, {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"})


@pytest.fixture(scope="session")
def _chromium_browser() -> Iterator[Browser]:
    try:
        with chromium.running_browser() as browser:
            yield browser
    except chromium.ChromiumMissing as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def chromium_pages(_chromium_browser: Browser) -> Iterator[chromium.Pages]:
    """Open pages; at the end none may have asked another machine, or thrown an error."""
    pages = chromium.Pages(_chromium_browser)
    yield pages
    pages.close()
    pages.assert_clean()


@pytest.fixture
def chromium_page(chromium_pages: chromium.Pages) -> Page:
    """Open one page of a booth's size, in Spanish."""
    return chromium_pages.open()


def _tier(item: pytest.Item) -> str:
    """Return the name of the directory under `tests` that a test lies in."""
    return item.path.relative_to(HERE).parts[0]


def _by_name(request: pytest.FixtureRequest, names: dict[str, str]) -> str:
    """Return the value of the fixture that belongs to the request's parameter."""
    url: str = request.getfixturevalue(names[request.param])
    return url


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"
