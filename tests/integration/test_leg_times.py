"""Travel times are learned from finished drives, and plans are made with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from server import leg_times, worker
from server.database import Database
from server.dispatch.snapshot import Travel
from server.leg_fit import DRIVE, EMPTY, Way
from server.models import EventRow, LegTimeRow, PromiseRow
from tests.cloud_kit import CloudKit
from tests.visit_story import RUNNER, Story, settings

LEG = ("herrera", "lote-norte")


@pytest.fixture
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CloudKit]:
    """An empty cloud: on SQLite, or on each database for a test that asks for `database_url`."""
    both = "database_url" in request.fixturenames
    url = request.getfixturevalue("database_url" if both else "sqlite_url")
    database = Database(url)
    yield CloudKit(database, settings(tmp_path, url))
    database.close()


@pytest.fixture
def story(kit: CloudKit) -> Story:
    """A district with two runners at work."""
    return Story(kit.database, kit.config)


def travel(kit: CloudKit) -> Mapping[tuple[str, str], Travel]:
    """What plans are made with."""
    return kit.database.read(lambda session: leg_times.travel_times(session.connection()))


def ways(kit: CloudKit, story: Story) -> list[Way]:
    """What there is to learn from."""
    return kit.database.read(lambda session: leg_times.ways_made(session, kit.config, story.now))


def there_and_back(story: Story, minutes: float) -> None:
    """A car is driven to the lot and back in so many minutes each way."""
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=minutes)
    visit.park()
    visit.request("herrera")
    visit.take("herrera")
    story.wait(minutes=minutes)
    visit.ready().hand_over()


def test_before_anything_was_learned_the_district_file_holds(kit: CloudKit, story: Story) -> None:
    assert travel(kit)[LEG] == Travel(drive_s=300, empty_s=240)
    assert leg_times.refresh(kit.database, kit.config, story.now)
    assert travel(kit)[LEG] == Travel(drive_s=300, empty_s=240)
    assert {row.drives for row in kit.rows(LegTimeRow)} == {0}


@pytest.mark.usefixtures("database_url")
def test_slow_drives_make_later_promises(kit: CloudKit, story: Story) -> None:
    for _ in range(12):
        there_and_back(story, 12)
    assert leg_times.refresh(kit.database, kit.config, story.now)
    # 720 s instead of 450: what the settings add for handling is taken off again.
    assert 450 < travel(kit)[LEG].drive_s <= 570
    assert 300 < travel(kit)["francia", "lote-sur"].drive_s < travel(kit)[LEG].drive_s
    assert travel(kit)[LEG].empty_s == 240
    before = max(kit.rows(PromiseRow), key=lambda row: row.made_at)
    there_and_back(story, 12)
    after = max(kit.rows(PromiseRow), key=lambda row: row.made_at)
    assert before.planned_at is not None
    assert after.planned_at is not None
    assert after.planned_at - after.made_at > before.planned_at - before.made_at
    (row,) = [row for row in kit.rows(LegTimeRow) if (row.from_place_id, row.to_place_id) == LEG]
    assert (row.drives, row.empties) == (12, 0)


def test_it_is_learned_anew_when_it_is_time_and_when_the_hour_turns(
    kit: CloudKit, story: Story
) -> None:
    def refresh() -> bool:
        return leg_times.refresh(kit.database, kit.config, story.now)

    assert refresh()
    assert not refresh()
    story.wait(seconds=kit.config.learn_every_s - 1)
    assert not refresh()
    story.wait(seconds=1)
    assert refresh()
    story.wait(minutes=60 - story.now.minute)
    assert story.now.minute == 0
    assert refresh()
    assert not refresh()


@pytest.mark.usefixtures("database_url")
def test_the_way_to_a_car_that_waits_is_a_way_and_an_idle_hour_is_none(
    kit: CloudKit, story: Story
) -> None:
    first, second = story.receive("herrera"), story.receive("bolivar")
    first.take("lote-norte", RUNNER)
    story.wait(minutes=7)
    first.park(by=RUNNER)
    story.wait(minutes=5)
    second.take("lote-norte", RUNNER)
    story.wait(minutes=8)
    second.park(by=RUNNER)
    story.wait(seconds=1)
    third = story.receive("francia")
    story.wait(minutes=50)
    third.take("lote-norte", RUNNER)
    story.wait(minutes=8)
    third.park(by=RUNNER)
    found = [(way.mode, way.leg, way.took_s) for way in ways(kit, story)]
    assert sorted(found) == [
        (DRIVE, ("bolivar", "lote-norte"), 480.0),
        (DRIVE, ("francia", "lote-norte"), 480.0),
        (DRIVE, ("herrera", "lote-norte"), 420.0),
        (EMPTY, ("lote-norte", "bolivar"), 300.0),
    ]


def test_nothing_is_learned_from_times_that_nobody_knows(kit: CloudKit, story: Story) -> None:
    there_and_back(story, 12)
    assert len(ways(kit, story)) == 2
    kit.database.write(
        lambda session: session.execute(update(EventRow).values(time_source="received"))
    )
    assert ways(kit, story) == []


def test_nothing_is_learned_from_drives_of_long_ago_or_beyond_the_limit(
    kit: CloudKit, story: Story
) -> None:
    there_and_back(story, 12)
    config = replace(kit.config, learn_drives_max=1)
    assert len(kit.database.read(lambda s: leg_times.ways_made(s, config, story.now))) == 1
    story.now += timedelta(days=kit.config.learn_days + 1)
    assert ways(kit, story) == []


def test_the_worker_learns_while_it_runs(kit: CloudKit, story: Story) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(kit.config, stop))
    thread.start()
    deadline_s = time.monotonic() + 60
    try:
        while not kit.count(LegTimeRow):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert kit.count(LegTimeRow) == len(travel(kit))
