"""Word of news reaches whoever waits, from other processes too, and a lost word is made up for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from structlog.testing import capture_logs

from server.database import Database
from server.district import current_version, load_district, next_version
from server.notices import Notices
from tests.visit_story import small_district

DEADLINE_S = 60.0
NEVER_S = 600.0


@pytest.fixture
def url(database_url: str) -> str:
    """A database with a district."""
    database = Database(database_url)
    database.write(lambda session: load_district(session, small_district()))
    database.close()
    return database_url


@contextmanager
def process(url: str, every_s: float = NEVER_S, most: int = 100) -> Iterator[Process]:
    """What one process of the cloud has, as far as news go."""
    database = Database(url)
    notices = Notices(database, every_s, most)
    notices.start()
    try:
        yield Process(database, notices)
    finally:
        notices.close()
        database.close()


class Process:
    """Use `process`."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self.database = database
        self.notices = notices

    def version(self) -> int:
        return self.database.read(current_version)

    def change(self) -> int:
        return self.database.write(next_version)


def test_who_waits_hears_of_what_another_process_has_committed(url: str) -> None:
    with process(url) as one, process(url) as other, ThreadPoolExecutor(3) as pool:
        seen = one.version()
        waits = [pool.submit(one.notices.wait, seen, DEADLINE_S) for _ in range(3)]
        until(lambda: one.notices.waiting == 3)
        version = other.change()
        assert [wait.result(DEADLINE_S) for wait in waits] == [version] * 3
        # And once more, on the same connections.
        wait = pool.submit(one.notices.wait, version, DEADLINE_S)
        until(lambda: one.notices.waiting == 1)
        assert other.change() == wait.result(DEADLINE_S)


def test_who_knows_less_than_there_is_does_not_wait(url: str) -> None:
    with process(url) as one:
        version = one.change()
        assert one.notices.wait(version - 1, NEVER_S) == version


def test_a_wait_ends_when_its_time_is_over_or_the_process_ends(url: str) -> None:
    with process(url) as one, ThreadPoolExecutor(1) as pool:
        seen = one.change()
        assert one.notices.wait(seen, 0.05) == seen
        wait = pool.submit(one.notices.wait, seen, NEVER_S)
        until(lambda: one.notices.waiting == 1)
        one.notices.close()
        assert wait.result(DEADLINE_S) == seen


def test_who_comes_when_enough_wait_is_sent_away_at_once(url: str) -> None:
    with process(url, most=1) as one, ThreadPoolExecutor(1) as pool:
        seen = one.change()
        wait = pool.submit(one.notices.wait, seen, NEVER_S)
        until(lambda: one.notices.waiting == 1)
        assert one.notices.wait(seen, NEVER_S) == seen
        one.change()
        assert wait.result(DEADLINE_S) > seen


def test_a_word_that_is_lost_is_made_up_for(postgres_url: str) -> None:
    with process(postgres_url, every_s=0.1) as one, ThreadPoolExecutor(1) as pool:
        one.database.write(lambda session: load_district(session, small_district()))
        seen = one.version()
        wait = pool.submit(one.notices.wait, seen, DEADLINE_S)
        until(lambda: one.notices.waiting == 1)
        # A process that tells nobody, as one that died between its commit and its word.
        silent = Database(postgres_url)
        version = silent.write(next_version)
        silent.close()
        assert wait.result(DEADLINE_S) == version


def test_a_listener_that_is_thrown_out_comes_back(postgres_url: str) -> None:
    with capture_logs() as said, process(postgres_url) as one, process(postgres_url) as other:
        one.database.write(lambda session: load_district(session, small_district()))
        until(lambda: len(listeners(postgres_url)) == 2)
        seen, before = one.version(), listeners(postgres_url)
        with psycopg.connect(plain(postgres_url), autocommit=True) as connection:
            for pid in before:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        until(lambda: len(listeners(postgres_url) - before) == 2)
        with ThreadPoolExecutor(1) as pool:
            wait = pool.submit(one.notices.wait, seen, DEADLINE_S)
            until(lambda: one.notices.waiting == 1)
            assert other.change() == wait.result(DEADLINE_S)
    words = [entry["event"] for entry in said if entry["event"].startswith("notices_")]
    assert sorted(words) == ["notices_back"] * 2 + ["notices_lost"] * 2


def test_who_waits_holds_no_connection(postgres_url: str) -> None:
    with process(postgres_url) as one, ThreadPoolExecutor(40) as pool:
        one.database.write(lambda session: load_district(session, small_district()))
        seen = one.version()
        waits = [pool.submit(one.notices.wait, seen, DEADLINE_S) for _ in range(40)]
        until(lambda: one.notices.waiting == 40)
        assert one.database.engine.pool.status().find("Current Checked out connections: 0") > 0
        one.change()
        assert {wait.result(DEADLINE_S) > seen for wait in waits} == {True}


def test_without_being_started_it_listens_only_while_somebody_waits(postgres_url: str) -> None:
    database, other = Database(postgres_url), Database(postgres_url)
    database.write(lambda session: load_district(session, small_district()))
    notices, threads = Notices(database, 0.05), threading.active_count()
    seen = database.read(current_version)
    assert threading.active_count() == threads
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(notices.wait, seen, DEADLINE_S)
        until(lambda: notices.waiting == 1)
        assert other.write(next_version) == wait.result(DEADLINE_S)
    until(lambda: not listeners(postgres_url))
    database.close()
    other.close()


def listeners(url: str) -> set[int]:
    """The connections that have asked for word."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE 'SELECT version FROM districts%' AND state = 'idle'"
        )
        return {int(pid) for (pid,) in rows}


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg:", "postgresql:")


def until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)
