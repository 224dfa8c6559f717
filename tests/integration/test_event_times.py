"""When an event was that its own clock cannot date: out of its boot, or between its neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from schemas import events
from server import event_times
from server.downlink import news
from server.models import EventRow, ShiftRow, VisitRow
from server.reports.fact_lines import fact_lines
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import EVENING, KEY, RUNNER

NOW = minutes_later(60)
LATER = minutes_later(90)
UNSET: dict[str, Any] = {"wall_synced": False, "wall": "1970-01-01T00:00:09+00:00"}
OLD_BOOT: dict[str, Any] = {**UNSET, "boot_id": "boot-0"}


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def herrera() -> StationLines:
    """A booth's journal."""
    return StationLines("herrera")


def wall_of(seq: int) -> datetime:
    """When the line with this sequence says that it was."""
    return EVENING + timedelta(seconds=10 * seq, microseconds=sum(b"herrera"))


def times(cloud: CloudKit) -> list[tuple[datetime, str]]:
    """Time and source of all events."""
    return [(row.at, row.time_source) for row in cloud.rows(EventRow)]


def bounds(cloud: CloudKit, station: StationLines, seq: int) -> tuple[Any, Any]:
    """Between which times an event was."""
    one = select(*event_times.bounds()).where(
        EventRow.journal_id == station.journal_id, EventRow.seq == seq
    )
    before, behind = cloud.database.read(lambda session: session.execute(one).one())
    return before, behind


def test_an_unknown_time_is_bounded_by_an_event_that_comes_later(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [herrera.line(), herrera.line(**OLD_BOOT), herrera.line(**OLD_BOOT), herrera.line()]
    cloud.take(herrera.batch(lines[:3]), NOW)
    assert times(cloud)[1:] == [(NOW, "received"), (NOW, "received")]
    assert bounds(cloud, herrera, 2) == (wall_of(1), None)
    cloud.take(herrera.batch(lines[3:]), LATER)
    # Nobody knows when, but between those two events.
    assert times(cloud)[1:] == [
        (wall_of(4), "received"),
        (wall_of(4), "received"),
        (wall_of(4), "wall"),
    ]
    assert bounds(cloud, herrera, 3) == (wall_of(1), wall_of(4))
    assert cloud.rebuilt() == []


@pytest.mark.parametrize("cuts", [(1, 2, 3, 4, 5), (2, 4), (3,), (5,), ()])
def test_where_a_batch_ends_changes_no_time(
    cloud: CloudKit, herrera: StationLines, cuts: Sequence[int]
) -> None:
    lines = [
        herrera.line(),
        herrera.line(**OLD_BOOT, mono_ns=10**9),
        herrera.line(**{**OLD_BOOT, "boot_id": "boot-00"}, mono_ns=7 * 10**9),
        herrera.line(boot_id="boot-00", mono_ns=9 * 10**9),
        herrera.line(**{**OLD_BOOT, "boot_id": "boot-00"}, mono_ns=12 * 10**9),
        herrera.line(),
    ]
    for start, end in zip((0, *cuts), (*cuts, len(lines)), strict=True):
        cloud.take(herrera.batch(lines[start:end]), NOW)
    assert times(cloud) == [
        (wall_of(1), "wall"),
        # Before what comes next, whose time is counted back from the one clock of its boot.
        (wall_of(4) - timedelta(seconds=2), "received"),
        (wall_of(4) - timedelta(seconds=2), "anchored"),
        (wall_of(4), "wall"),
        (wall_of(4) + timedelta(seconds=3), "anchored"),
        (wall_of(6), "wall"),
    ]


def test_a_visit_has_the_time_that_was_learned_and_every_station_hears_of_it(
    cloud: CloudKit, herrera: StationLines
) -> None:
    received = herrera.received(1, **OLD_BOOT)
    cloud.take(herrera.batch([received]), NOW)
    assert cloud.one(VisitRow).received_at == NOW
    cursor = cloud.one(VisitRow).version
    cloud.take(herrera.batch([herrera.line()]), LATER)
    visit = cloud.one(VisitRow)
    assert visit.received_at == wall_of(2)
    told = cloud.database.read(lambda session: news(session, KEY, cursor, 100))
    assert [change["body"]["at"] for change in told.changes if change["kind"] == "event"] == [
        wall_of(2).isoformat()
    ]
    assert cloud.rebuilt() == []


def test_a_line_that_was_refused_between_them_is_no_neighbour(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [
        herrera.line(),
        herrera.line("car.flown"),
        herrera.line(**OLD_BOOT),
        herrera.line("car.flown"),
        herrera.line(),
    ]
    for line in lines:
        cloud.take(herrera.batch([line]), NOW)
    assert times(cloud)[1] == (wall_of(5), "received")
    assert bounds(cloud, herrera, 3) == (wall_of(1), wall_of(5))


def test_a_clock_that_runs_backwards_dates_nothing(cloud: CloudKit, herrera: StationLines) -> None:
    lines = [
        herrera.line(**UNSET, mono_ns=900 * 10**9),
        herrera.line(mono_ns=800 * 10**9),
        herrera.line(**UNSET, mono_ns=700 * 10**9),
    ]
    cloud.take(herrera.batch(lines, boot_id="boot-2"), NOW)
    assert times(cloud) == [(wall_of(2), "received"), (wall_of(2), "wall"), (NOW, "received")]


def test_nothing_happened_after_it_was_received(cloud: CloudKit, herrera: StationLines) -> None:
    lines = [herrera.line(mono_ns=0), herrera.line(**UNSET, mono_ns=10**15)]
    cloud.take(herrera.batch(lines, boot_id="boot-2"), NOW)
    assert times(cloud)[1] == (NOW, "received")


def test_a_tap_moves_somebody_once_its_time_is_known(
    cloud: CloudKit, herrera: StationLines
) -> None:
    sign_on = herrera.line(events.SHIFT_SIGNED_ON, actor=RUNNER, **OLD_BOOT, mono_ns=10**9)
    cloud.take(herrera.batch([sign_on]), NOW)
    assert cloud.count(ShiftRow) == 0
    started = {"actor": None, "data": {"version": "1"}}
    known = herrera.line(events.STATION_STARTED, **started, boot_id="boot-0", mono_ns=5 * 10**9)
    cloud.take(herrera.batch([known]), LATER)
    shift = cloud.one(ShiftRow)
    assert (shift.person_id, shift.is_on) == (RUNNER, True)
    assert shift.seen_at == wall_of(2) - timedelta(seconds=4)
    assert cloud.rebuilt() == []


def test_the_story_of_a_visit_says_between_which_times_it_was(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [herrera.line(), herrera.received(1, **OLD_BOOT), herrera.line()]
    cloud.take(herrera.batch(lines), NOW)
    visit_id = cloud.one(VisitRow).id
    told = cloud.database.read(lambda session: fact_lines(session, [visit_id]))
    assert [(line.after, line.before) for line in told[visit_id]] == [(wall_of(1), wall_of(3))]
