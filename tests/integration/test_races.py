"""What several do at once, on both databases: one of them wins and the others say so."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from schemas import events, states
from server import engines, requests
from server.database import Database, DatabaseError
from server.models import (
    EventRow,
    JournalRow,
    MoveRow,
    PromiseRow,
    RequestRow,
    StationRow,
    VisitRow,
)
from server.retry import Patience, Retry
from tests.cloud_kit import CloudKit
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import BOOTHS, KEY, RUNNER, Story, StoryVisit, settings

T = TypeVar("T")


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


def at_once(*works: Callable[[], T]) -> list[T]:
    """The results of works that begin together; the first fault is raised."""
    barrier = threading.Barrier(len(works))
    results: list[T] = []
    faults: list[Exception] = []

    def run(work: Callable[[], T]) -> None:
        barrier.wait()
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below
            faults.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        raise fault
    return results


def parked_car(kit: CloudKit) -> StoryVisit:
    """A car in a lot that nobody has asked for."""
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=6)
    return visit.park()


def asking(kit: CloudKit, visit: StoryVisit, booth_id: str) -> Callable[[], VisitRow]:
    """One driver's request, ready to be made."""
    now = visit.story.now
    return lambda: kit.database.write(
        lambda session: requests.request_car(
            session, kit.config, KEY, visit.id, booth_id, None, now
        )
    )


def test_four_equal_requests_at_once_make_one_open_request(kit: CloudKit) -> None:
    visit = parked_car(kit)
    rows = at_once(*[asking(kit, visit, "bolivar")] * 4)
    assert {row.state for row in rows} == {states.REQUESTED}
    request = kit.one(RequestRow)
    assert (request.status, request.booth_id) == ("open", "bolivar")
    assert [kit.count(table) for table in (PromiseRow,)] == [1]
    assert [row.state for row in kit.rows(MoveRow)] == ["done", "open"]
    asked = [row for row in kit.rows(EventRow) if row.type == events.VISIT_REQUESTED]
    assert len(asked) == 1


def test_requests_for_four_booths_at_once_leave_one_open(kit: CloudKit) -> None:
    visit = parked_car(kit)
    wanted = [*BOOTHS, "bolivar"]
    at_once(*[asking(kit, visit, booth_id) for booth_id in wanted])
    rows = kit.rows(RequestRow)
    assert [row.status for row in rows].count("open") == 1
    assert {row.status for row in rows} == {"open", "replaced"}
    (journal,) = [row for row in kit.rows(JournalRow) if row.station_id is None]
    assert journal.head_seq == len(rows)
    assert kit.rebuilt() == []


def test_a_request_and_its_withdrawal_at_once_leave_at_most_one_open(kit: CloudKit) -> None:
    visit = parked_car(kit)
    asking(kit, visit, "bolivar")()

    def withdraw() -> VisitRow:
        return kit.database.write(
            lambda session: requests.cancel_request(
                session, kit.config, KEY, visit.id, visit.story.now
            )
        )

    at_once(asking(kit, visit, "francia"), withdraw, withdraw, asking(kit, visit, "francia"))
    assert [row.status for row in kit.rows(RequestRow)].count("open") <= 1
    assert kit.rebuilt() == []


def test_stations_that_tell_of_one_visit_at_once_end_in_the_fold_of_all(kit: CloudKit) -> None:
    Story(kit.database, kit.config)
    herrera, lot, francia = map(StationLines, ("herrera", "lote-norte", "francia"))
    lines = {
        herrera: [
            herrera.received(1),
            herrera.taken(1, 2, states.PARK, "lote-norte"),
            herrera.requested(1, 4, "herrera"),
        ],
        lot: [lot.parked(1, 3), lot.taken(1, 6, states.RETRIEVE, "francia")],
        francia: [
            francia.requested(1, 5, "francia"),
            francia.of(events.CAR_READY, 1, 7, actor=RUNNER),
            francia.handed_over(1, 8),
        ],
    }

    def sending(station: StationLines) -> Callable[[], None]:
        def send() -> None:
            for line in lines[station]:
                kit.take(station.batch([line]), minutes_later(5))

        return send

    at_once(*[sending(station) for station in lines])
    visit = kit.one(VisitRow)
    assert (visit.state, visit.place_id, visit.conflicts) == (states.HANDED_OVER, "francia", [])
    assert [row.status for row in kit.rows(RequestRow)].count("done") == 1
    assert kit.rebuilt() == []


def test_new_journals_at_once_do_not_get_in_each_others_way(kit: CloudKit) -> None:
    Story(kit.database, kit.config)
    stations = [StationLines("herrera", f"journal-{number}") for number in range(6)]
    batches = [station.batch(station.lines(5)) for station in stations]
    receipts = at_once(
        *[lambda batch=batch: kit.take(batch, minutes_later(1)) for batch in batches]
    )
    assert [receipt.ack_seq for receipt in receipts] == [5] * 6


def test_a_reader_sees_one_moment_and_cannot_write(kit: CloudKit) -> None:
    visit = parked_car(kit)

    def look_twice(session: Session) -> list[str]:
        query = select(VisitRow.state).where(VisitRow.id == visit.id)
        before = session.scalar(query)
        asking(kit, visit, "bolivar")()
        session.expire_all()
        return [str(before), str(session.scalar(query))]

    assert kit.database.read(look_twice) == [states.PARKED, states.PARKED]
    assert visit.row().state == states.REQUESTED
    with pytest.raises(DBAPIError, match="(?i)read.?only"):
        kit.database.read(lambda session: session.execute(text("DELETE FROM visits")))
    kit.database.write(lambda session: session.execute(text("UPDATE visits SET stall = '7'")))
    assert visit.row().stall == "7"


def test_a_deadlock_between_two_writers_is_tried_again(tmp_path: Path, postgres_url: str) -> None:
    database = Database(postgres_url)
    kit = CloudKit(database, settings(tmp_path, postgres_url))
    Story(database, kit.config)
    both_hold_one = threading.Barrier(2)
    tries = []

    def locking(first: str, second: str) -> Callable[[], None]:
        def work(session: Session) -> None:
            tries.append(first)
            session.get(StationRow, first, with_for_update=True)
            if tries.count(first) == 1:
                both_hold_one.wait()
            row = session.get(StationRow, second, with_for_update=True)
            assert row is not None
            row.depth += 1

        return lambda: database.write(work)

    one, other = "station-herrera", "station-bolivar"
    at_once(locking(one, other), locking(other, one))
    assert len(tries) == 3
    assert [row.depth for row in kit.rows(StationRow) if row.id in (one, other)] == [1, 1]
    database.close()


def test_a_busy_sqlite_file_is_tried_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MS", 1)
    database = Database(sqlite_url)
    # The same library: locks of two in one process would not see each other.
    other = sqlite.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits = []

    def rest(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr("server.retry.time.sleep", rest)
    database.write(lambda session: session.execute(text("DELETE FROM visits")))
    assert len(waits) == 3
    other.close()
    database.close()


def test_the_threads_of_a_process_wait_for_each_other_and_find_nothing_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MS", 0)
    database, waits = Database(sqlite_url), list[float]()
    monkeypatch.setattr("server.retry.time.sleep", waits.append)

    def write_often() -> None:
        for turn in range(20):
            write = database.note if turn % 2 else database.write
            write(lambda session: session.execute(text("DELETE FROM visits")))

    at_once(*[write_often] * 4)
    assert waits == []
    database.close()


def test_what_is_not_transient_is_raised_at_once_and_what_stays_so_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("server.retry.time.sleep", waits.append)

    def failing(message: str) -> Callable[[], None]:
        def work() -> None:
            raise OperationalError("statement", {}, sqlite3.OperationalError(message))

        return work

    with pytest.raises(OperationalError, match="no such table"):
        Retry(Patience())(failing("no such table: visits"))
    assert waits == []
    with pytest.raises(OperationalError, match="locked"):
        Retry(Patience())(failing("database is locked"))
    assert len(waits) == 7
    assert all(0 <= wait_s < timedelta(seconds=2).total_seconds() for wait_s in waits)


def test_an_affected_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, is_safe in (
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((3, 50, 7), True),
        ((3, 44, 6), True),
        ((3, 51, 2), False),
        ((3, 50, 6), False),
        ((3, 46, 1), False),
        ((3, 40, 1), False),
    ):
        monkeypatch.setattr(sqlite, "sqlite_version_info", version)
        if is_safe:
            Database("sqlite:///unused").close()
        else:
            with pytest.raises(DatabaseError, match="lose committed writes"):
                Database("sqlite:///unused")
