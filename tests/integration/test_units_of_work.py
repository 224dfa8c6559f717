"""Units of work on PostgreSQL: none decides on what is no longer so, and a lost connection is
either tried again or told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from server.database import Database, OutcomeUnknown
from server.district import current_version, load_district, next_version
from server.engines import Bounds
from server.models import MoveRow
from server.retry import Patience, is_unavailable
from tests.visit_story import small_district

CARS, RUNNERS, THREADS = 15, 8, 8
OPENED = datetime(2026, 11, 1, 20, 0, tzinfo=UTC)
KILL = "SELECT pg_terminate_backend(%s)"

Books = Callable[[Callable[[Session], None]], None]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A district with moves that nobody drives."""
    found = Database(postgres_url, patience=Patience(tries=50, wait_s=20))
    found.write(lambda session: load_district(session, small_district()))
    found.write(add_moves)
    yield found
    found.close()


def add_moves(session: Session) -> None:
    for number in range(CARS):
        session.add(
            MoveRow(
                visit_id=f"visit-{number:02}",
                ordinal=1,
                kind="park",
                state="open",
                from_place_id="herrera",
                to_place_id=f"stall-{number}",
                opened_at=OPENED,
            )
        )


def give(runner: str, car: int, *, looked: Callable[[], None]) -> Callable[[Session], None]:
    """Look whether somebody drives a car, and if nobody does, give it to a runner: the plainest
    check and insert. Its row is inserted as a second drive, so nothing in the tables forbids it."""

    def work(session: Session) -> None:
        visit = f"visit-{car:02}"
        taken = session.scalar(
            select(func.count()).where(MoveRow.visit_id == visit, MoveRow.runner_id.is_not(None))
        )
        looked()
        if taken:
            return
        session.add(
            MoveRow(
                visit_id=visit,
                ordinal=10 + int(runner),
                kind="park",
                state="open",
                from_place_id="herrera",
                to_place_id="lote-norte",
                opened_at=OPENED,
                runner_id=runner,
            )
        )

    return work


def double_booked(database: Database, write: Books) -> int:
    """How many cars have two runners after all runners went for all cars at once."""
    begin = threading.Barrier(RUNNERS)

    def run(runner: int) -> None:
        for car in range(CARS):
            begin.wait(60)
            write(give(str(runner), car, looked=lambda: None))

    with ThreadPoolExecutor(RUNNERS) as pool:
        for done in [pool.submit(run, runner) for runner in range(RUNNERS)]:
            done.result(120)
    given = (
        select(MoveRow.visit_id)
        .where(MoveRow.runner_id.is_not(None))
        .group_by(MoveRow.visit_id)
        .having(func.count() > 1)
    )
    return database.read(lambda session: len(session.scalars(given).all()))


@pytest.mark.usefixtures("unmeasured")
def test_a_look_and_a_write_give_one_car_to_two_runners_without_units_of_work(
    database: Database,
) -> None:
    def plainly(work: Callable[[Session], None]) -> None:
        with Session(database.engine) as session, session.begin():
            work(session)

    assert double_booked(database, plainly) > 0


@pytest.mark.usefixtures("unmeasured")
def test_a_look_and_a_write_never_do_in_a_unit_of_work(database: Database) -> None:
    assert double_booked(database, database.write) == 0


@pytest.mark.usefixtures("unmeasured")
def test_nor_in_the_turn_of_the_district(database: Database) -> None:
    def in_turn(work: Callable[[Session], None]) -> None:
        database.write(work, in_turn=True)

    assert double_booked(database, in_turn) == 0


def test_who_asks_for_the_version_late_begins_anew_in_a_turn(database: Database) -> None:
    seen: list[int] = []
    other = Database(database.engine.url.render_as_string(hide_password=False))

    def work(session: Session) -> int:
        seen.append(current_version(session))
        if len(seen) == 1:
            other.write(next_version)
        return next_version(session)

    version = database.write(work)
    other.close()

    assert len(seen) == 2
    assert seen[1] == seen[0] + 1
    assert version == seen[1] + 1


def test_turns_wait_for_each_other_and_nothing_has_to_be_undone(database: Database) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(next_version(session))

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(10 * THREADS):
            pool.submit(database.write, work, in_turn=True)

    assert sorted(tries) == list(range(tries[0], tries[0] + 10 * THREADS))


def test_a_connection_that_is_lost_before_the_commit_is_no_matter(database: Database) -> None:
    tries = []

    def work(session: Session) -> int:
        tries.append(1)
        version = next_version(session)
        if len(tries) == 1:
            end(database, session)
            session.execute(text("SELECT 1"))
        return version

    before = database.read(current_version)
    with capture_logs() as said:
        assert database.write(work, in_turn=True) == before + 1
    assert len(tries) == 2
    assert [entry["event"] for entry in said] == ["database_lost", "database_back"]


def test_all_connections_of_the_pool_may_be_lost_while_nobody_uses_them(
    database: Database,
) -> None:
    def sleep(session: Session) -> int:
        session.execute(text("SELECT pg_sleep(0.05)"))
        return int(session.scalar(text("SELECT pg_backend_pid()")) or 0)

    with ThreadPoolExecutor(THREADS) as pool:
        pids = set(pool.map(lambda _: database.read(sleep), range(THREADS)))
        with psycopg.connect(plain(database), autocommit=True) as connection:
            for pid in pids:
                connection.execute(KILL, [pid])
        assert pids.isdisjoint(pool.map(lambda _: database.read(sleep), range(THREADS)))


def test_a_primary_that_has_become_a_standby_is_left(database: Database) -> None:
    pids: list[int] = []

    def work(session: Session) -> int:
        pids.append(int(session.scalar(text("SELECT pg_backend_pid()")) or 0))
        if len(pids) == 1:
            session.execute(text("SET TRANSACTION READ ONLY"))
        return next_version(session)

    assert database.write(work, in_turn=True) > 0
    assert len(set(pids)) == 2


def test_a_connection_that_is_lost_during_the_commit_is_told_of_and_not_tried_again(
    database: Database,
) -> None:
    tries = []

    def work(session: Session) -> None:
        tries.append(1)
        next_version(session)
        event.listen(database.engine, "commit", at_commit, once=True)

    def at_commit(connection: object) -> None:
        end(database, connection)

    with pytest.raises(OutcomeUnknown) as found:
        database.write(work, in_turn=True)
    assert len(tries) == 1
    assert is_unavailable(found.value)
    # Whoever comes next finds the database well.
    assert database.write(next_version, in_turn=True) > 0


def test_a_database_that_is_away_is_waited_for_only_so_long(postgres_url: str) -> None:
    elsewhere = postgres_url.replace(postgres_url.rpartition(":")[2].split("/")[0], "1")
    database = Database(elsewhere, patience=Patience(wait_s=0.3))
    with capture_logs() as said, pytest.raises(DBAPIError) as found:
        database.read(current_version)
    assert is_unavailable(found.value)
    assert [entry["event"] for entry in said] == ["database_lost"]
    database.close()


def test_a_lock_that_somebody_keeps_is_not_waited_for_for_ever(
    database: Database, postgres_url: str
) -> None:
    bounded = Database(postgres_url, bounds=Bounds(lock_s=1, idle_s=60))
    with Session(database.engine) as session, session.begin():
        next_version(session)
        with pytest.raises(DBAPIError) as found:
            bounded.write(next_version, in_turn=True)
    assert is_unavailable(found.value)
    bounded.close()


def end(database: Database, whose: Session | object) -> None:
    """Let PostgreSQL end the connection that somebody is using."""
    connection = whose.connection() if isinstance(whose, Session) else whose
    raw = connection.connection.driver_connection  # type: ignore[attr-defined]
    with psycopg.connect(plain(database), autocommit=True) as other:
        other.execute(KILL, [raw.info.backend_pid])


def plain(database: Database) -> str:
    engine: Engine = database.engine
    return engine.url.set(drivername="postgresql", query={}).render_as_string(hide_password=False)


def test_who_waits_for_the_turn_keeps_no_connection_from_who_only_reads(
    database: Database, postgres_url: str
) -> None:
    # One connection for the turn that goes on for long, one for everybody else.
    narrow = Database(postgres_url, connections=2, patience=Patience(tries=1, wait_s=0.5))
    begun, may_end = threading.Event(), threading.Event()

    def long(session: Session) -> None:
        next_version(session)
        begun.set()
        assert may_end.wait(60)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(narrow.write, long, in_turn=True)
        assert begun.wait(60)
        waiting = [pool.submit(narrow.write, next_version, in_turn=True) for _ in range(3)]
        assert narrow.read(current_version) > 0
        # They are told so instead of waiting for ever.
        for one in waiting:
            error = one.exception(60)
            assert isinstance(error, PoolExhausted)
            assert is_unavailable(error)
        may_end.set()
        first.result(60)
    narrow.close()
