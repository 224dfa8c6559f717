"""What a tap costs does not grow with the past: no table of the past is read from end to end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from schemas import events, states
from server.downlink import news
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import KEY, OTHER_RUNNER, RUNNER

NOW = minutes_later(10)
PAST = ("events", "visits", "requests", "moves", "messages", "links", "guests", "promises")
# These hold only what is open now.
OF_TODAY = ("ix_visits_open", "uq_requests_open")
STATEMENTS_MAX = 32


@pytest.fixture
def cloud(tmp_path: Path, sqlite_url: str) -> Iterator[CloudKit]:
    """A cloud on SQLite, which says how it would find the rows."""
    with open_cloud(tmp_path, sqlite_url) as kit:
        yield kit


class Watch:
    """Every statement of the cloud, and how the database finds its rows."""

    def __init__(self, cloud: CloudKit) -> None:
        self.statements: list[str] = []
        self.scans: set[tuple[str, str]] = set()
        event.listen(cloud.database.engine, "before_cursor_execute", self._note)

    def _note(
        self, connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        self.statements.append(statement)
        if many or not statement.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        raw = connection.connection.driver_connection
        for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall():
            found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row[3])
            if found and found[1] in PAST and found[2] not in OF_TODAY:
                self.scans.add((row[3], statement))


def test_no_tap_reads_the_past(cloud: CloudKit) -> None:
    herrera, lot = StationLines("herrera"), StationLines("lote-norte")
    runners = [lot.line(actor=RUNNER), lot.line(actor=OTHER_RUNNER)]
    cloud.take(lot.batch(runners), NOW)
    watch = Watch(cloud)
    story = [
        (herrera, herrera.received(1)),
        (herrera, herrera.requested(1, 2, "bolivar")),
        (herrera, herrera.taken(1, 3, states.PARK, "lote-norte")),
        (lot, lot.parked(1, 4)),
        (lot, lot.taken(1, 5, states.RETRIEVE, "herrera")),
        (herrera, herrera.of(events.CAR_READY, 1, 6, actor=RUNNER)),
        (herrera, herrera.handed_over(1, 7)),
    ]
    for station, line in story:
        watch.statements.clear()
        cloud.take(station.batch([line], guests=()), NOW)
        assert len(watch.statements) <= STATEMENTS_MAX
    assert watch.scans == set()


def test_no_news_cost_one_look_and_some_news_read_no_past(cloud: CloudKit) -> None:
    herrera = StationLines("herrera")
    cloud.take(herrera.batch([herrera.received(1)]), NOW)
    cursor = cloud.database.read(lambda session: news(session, KEY, 0, 100)).cursor
    watch = Watch(cloud)
    assert cloud.database.read(lambda session: news(session, KEY, cursor, 100)).changes == []
    assert sum(line.startswith("SELECT") for line in watch.statements) == 1
    cloud.take(herrera.batch([herrera.requested(1, 2)], guests=()), NOW)
    watch.scans.clear()
    assert cloud.database.read(lambda session: news(session, KEY, cursor, 100)).changes
    assert watch.scans == set()
