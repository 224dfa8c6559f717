"""Leases: one has the work, another takes it over, and whoever slept through it decides nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from server import clock, worker
from server.config import Config
from server.database import Database
from server.database_time import DatabaseTime
from server.district import current_version
from server.leases import DISPATCHER, Lease, LeaseHolder, give_back, is_ours, take
from server.models import LeaseRow
from server.worker import replan_district
from tests.visit_story import Story, settings

DEADLINE_S = 60.0
LONG_S = 600


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


def ask(database: Database, holder: str, lease_s: float = LONG_S) -> Lease | None:
    return database.write(lambda session: take(session, DISPATCHER, holder, lease_s))


def let_it_run_out(database: Database) -> None:
    """As if its time were over."""
    past = datetime(2001, 1, 1, tzinfo=UTC)
    database.write(lambda session: session.execute(update(LeaseRow).values(until=past)))


def test_who_has_a_lease_keeps_it_and_nobody_else_gets_it(database: Database) -> None:
    first = ask(database, "ana")
    assert first == Lease(DISPATCHER, "ana", 1)
    assert ask(database, "luis") is None
    assert ask(database, "ana") == first


def test_a_lease_that_ran_out_goes_to_another_with_a_higher_epoch(database: Database) -> None:
    first = ask(database, "ana")
    assert first is not None
    let_it_run_out(database)
    second = ask(database, "luis")
    assert second == Lease(DISPATCHER, "luis", 2)
    assert database.read(lambda session: is_ours(session, second))
    assert not database.read(lambda session: is_ours(session, first))
    assert ask(database, "ana") is None
    # What is given back too late is no longer one's own.
    database.write(lambda session: give_back(session, first))
    assert ask(database, "ana") is None


def test_who_comes_back_to_his_own_lease_too_late_has_a_new_one(database: Database) -> None:
    first = ask(database, "ana")
    let_it_run_out(database)
    again = ask(database, "ana")
    assert first is not None
    assert again == Lease(DISPATCHER, "ana", 2)
    assert not database.read(lambda session: is_ours(session, first))


def test_a_lease_that_is_given_back_is_free_at_once(database: Database) -> None:
    first = ask(database, "ana")
    assert first is not None
    database.write(lambda session: give_back(session, first))
    assert ask(database, "luis") == Lease(DISPATCHER, "luis", 2)


def test_of_many_who_ask_at_once_one_gets_it(database: Database) -> None:
    begin = threading.Barrier(8)

    def run(name: str) -> Lease | None:
        begin.wait(DEADLINE_S)
        return ask(database, name)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, [f"worker-{number}" for number in range(8)]))
    (given,) = [lease for lease in found if lease is not None]
    assert given.epoch == 1


def test_the_clock_of_a_host_does_not_matter(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, real = Database(postgres_url), clock.now
    assert ask(database, "ana", 60) is not None
    for hours in (-5, 5):
        monkeypatch.setattr(clock, "now", lambda ahead=hours: real() + timedelta(hours=ahead))
        assert ask(database, "luis", 60) is None
        assert ask(database, "ana", 60) == Lease(DISPATCHER, "ana", 1)
        times = DatabaseTime(database)
        times.compare()
        assert abs(times.now() - real()) < timedelta(seconds=30)
    database.close()


def test_a_dispatcher_that_slept_through_its_lease_puts_no_plan_into_force(
    database_url: str, tmp_path: Path
) -> None:
    database, config = Database(database_url), settings(tmp_path, database_url)
    story = Story(database, config)
    visit = story.receive("herrera")
    visit.take("lote-norte").park().request("bolivar")
    story.wait(minutes=30)
    asleep = LeaseHolder(database, DISPATCHER, "ana", LONG_S)
    assert asleep.keep()
    let_it_run_out(database)
    assert ask(database, "luis") is not None
    version = database.read(current_version)

    # It still believes that the work is its own.
    assert asleep.keep()
    assert not replan_district(database, config, story.now, may_decide=asleep.is_ours)
    assert database.read(current_version) == version
    assert replan_district(database, config, story.now)
    database.close()


@contextmanager
def working(config: Config, stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=worker.work, args=(config, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_of_two_workers_one_dispatches_and_the_other_follows_it(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, database_url)
    Story(database, config)
    first, second = threading.Event(), threading.Event()

    def holder() -> tuple[str, int] | None:
        row = database.read(lambda session: session.get(LeaseRow, DISPATCHER))
        return None if row is None else (row.holder, row.epoch)

    with working(config, second):
        with working(config, first):
            until(lambda: holder() is not None)
        # One of both has ended in order; if it was the one, the other has it soon.
        until(lambda: is_kept(database))


def is_kept(database: Database) -> bool:
    """Whether somebody has the lease."""
    row = database.read(lambda session: session.get(LeaseRow, DISPATCHER))
    return row is not None and row.until > clock.now()


def until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)
