"""Each open booth has its window, before the car is asked for and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update

from schemas import district as districts
from server.booth_windows import booth_windows
from server.database import Database
from server.district import load_district
from server.models import ClosureRow, PlaceRow, PromiseRow
from server.promises import Window
from tests.cloud_kit import CloudKit
from tests.visit_story import (
    BOOTHS,
    OTHER_RUNNER,
    RUNNER,
    Story,
    StoryVisit,
    settings,
    small_district,
)

# With the plan's own times: what the windows are wide is tested elsewhere.
ROUNDED = timedelta(minutes=1)


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
    """A district with two runners; Plaza de Francia is three minutes farther than the others."""
    made = Story(kit.database, kit.config)
    far = tuple(
        districts.Travel(leg.from_place_id, leg.to_place_id, leg.drive_s + 180, leg.empty_s)
        if "francia" in (leg.from_place_id, leg.to_place_id)
        else leg
        for leg in small_district().travel
    )
    district = replace(small_district(), travel=far)
    kit.database.write(lambda session: load_district(session, district))
    return made


def windows(
    kit: CloudKit, visit: StoryVisit, wanted_at: datetime | None = None
) -> dict[str, Window]:
    """What the driver of a car may choose between."""
    now = visit.story.now
    return kit.database.read(
        lambda session: booth_windows(session, kit.config, visit.row(), now, wanted_at)
    )


def parked(story: Story, by: str = RUNNER) -> StoryVisit:
    """A car that stands in the northern lot."""
    visit = story.receive("herrera").take("lote-norte", by)
    story.wait(minutes=7)
    return visit.park(by=by)


def minutes_from(story: Story, at: datetime) -> float:
    """How far a time is away."""
    return (at - story.now) / timedelta(minutes=1)


def test_every_open_booth_has_a_window_and_a_farther_one_a_later(
    kit: CloudKit, story: Story
) -> None:
    found = windows(kit, parked(story))
    assert set(found) == set(BOOTHS)
    assert found["bolivar"] == found["herrera"]
    # A runner stands beside it: 300 s of driving and 150 s of handling, 180 s more to Francia.
    assert minutes_from(story, found["bolivar"].ready_from) == pytest.approx(8)
    assert minutes_from(story, found["francia"].ready_from) == pytest.approx(11)


def test_the_window_that_was_shown_is_the_one_that_is_promised(kit: CloudKit, story: Story) -> None:
    visit = parked(story)
    shown = windows(kit, visit)
    visit.request("francia")
    promise = kit.one(PromiseRow)
    assert (promise.ready_from, promise.ready_by) == shown["francia"]


@pytest.mark.usefixtures("database_url")
def test_after_the_request_the_other_booths_go_by_the_plan_in_force(
    kit: CloudKit, story: Story
) -> None:
    visit = parked(story)
    shown = windows(kit, visit)
    visit.request("francia")
    story.wait(seconds=1)
    after = windows(kit, visit)
    assert after["francia"] == shown["francia"]
    assert abs(after["bolivar"].ready_from - shown["bolivar"].ready_from) <= ROUNDED


def test_what_was_promised_stands_however_late_it_is(kit: CloudKit, story: Story) -> None:
    visit = parked(story).request("francia")
    promise = kit.one(PromiseRow)
    story.wait(minutes=5)
    after = windows(kit, visit)
    assert after["francia"] == (promise.ready_from, promise.ready_by)
    assert after["bolivar"].ready_from >= story.now + timedelta(seconds=450)


def test_who_asks_now_comes_after_those_who_asked_before(kit: CloudKit, story: Story) -> None:
    cars = [parked(story) for _ in range(5)]
    alone = windows(kit, cars[-1])["bolivar"].ready_from
    for car in cars[:-1]:
        car.request("bolivar")
        story.wait(seconds=20)
    behind = windows(kit, cars[-1])["bolivar"].ready_from
    # Two runners bring two cars each first.
    assert behind - alone >= timedelta(minutes=15)
    cars[-1].request("bolivar")
    (told,) = [row for row in kit.rows(PromiseRow) if row.visit_id == cars[-1].id]
    assert abs(told.ready_from - behind) <= timedelta(minutes=3)


def test_a_car_that_nobody_waits_for_stands_a_little_longer(kit: CloudKit, story: Story) -> None:
    asked = parked(story)
    before = windows(kit, asked)
    for _ in range(6):
        story.receive("herrera")
    assert windows(kit, asked)["bolivar"].ready_from - before["bolivar"].ready_from <= timedelta(
        minutes=5
    )


def test_a_car_at_the_kerb_is_there_at_once_and_elsewhere_after_a_drive(
    kit: CloudKit, story: Story
) -> None:
    visit = story.receive("herrera")
    found = windows(kit, visit)
    assert found["herrera"].ready_from - story.now <= ROUNDED
    # Somebody has to come from the lot first: 240 s.
    assert minutes_from(story, found["bolivar"].ready_from) == pytest.approx(12, abs=1)


def test_a_car_on_its_way_to_the_lot_comes_back_after_it_was_there(
    kit: CloudKit, story: Story
) -> None:
    visit = story.receive("herrera").take("lote-norte")
    found = windows(kit, visit)
    assert minutes_from(story, found["bolivar"].ready_from) == pytest.approx(15, abs=1)


def test_a_booking_is_never_shown_before_its_time(kit: CloudKit, story: Story) -> None:
    wanted = story.now + timedelta(hours=2)
    found = windows(kit, parked(story), wanted)
    assert {window.ready_from for window in found.values()} == {wanted}


def test_while_nobody_is_at_work_only_the_kerb_can_be_told_of(kit: CloudKit, story: Story) -> None:
    standing, away = story.receive("herrera"), parked(story)
    for person in (RUNNER, OTHER_RUNNER):
        story.wait(seconds=1)
        story.tell("lote-norte", "shift.signed_off", person)
    assert set(windows(kit, standing)) == {"herrera"}
    assert windows(kit, away) == {}


def test_what_is_on_its_way_ready_or_held_can_be_chosen_no_more(
    kit: CloudKit, story: Story
) -> None:
    visit = parked(story).request("bolivar").take("bolivar")
    assert windows(kit, visit) == {}
    story.wait(minutes=8)
    assert windows(kit, visit.ready()) == {}
    held = story.receive("francia").ready().hand_over()
    assert windows(kit, held) == {}


def test_a_closed_booth_has_none(kit: CloudKit, story: Story) -> None:
    visit = parked(story)
    closed = [replace(place, is_open=place.id != "bolivar") for place in small_district().places]
    district = replace(small_district(), places=tuple(closed))
    kit.database.write(lambda session: load_district(session, district))
    assert set(windows(kit, visit)) == {"herrera", "francia"}


def test_a_way_that_is_shut_is_gone_when_it_is_open_again(kit: CloudKit, story: Story) -> None:
    visit = parked(story)
    before = windows(kit, visit)
    way = {"from_place_id": "lote-norte", "to_place_id": "bolivar"}
    shut = ClosureRow(
        id="parade",
        name="Desfile",
        place_id=None,
        **way,
        from_at=story.now + timedelta(minutes=5),
        until_at=story.now + timedelta(minutes=40),
        weekdays=[],
        from_time=None,
        until_time=None,
        is_active=True,
    )
    kit.database.write(lambda session: session.add(shut))
    after = windows(kit, visit)
    assert minutes_from(story, after["bolivar"].ready_from) == pytest.approx(48, abs=1)
    assert {name: after[name] for name in ("francia", "herrera")} == {
        name: before[name] for name in ("francia", "herrera")
    }


def test_the_cars_in_front_have_to_be_moved_first(kit: CloudKit, story: Story) -> None:
    rows = update(PlaceRow).where(PlaceRow.id == "lote-norte").values(rows=[["1", "12"]])
    kit.database.write(lambda session: session.execute(rows))
    visit = parked(story)
    alone = windows(kit, visit)["bolivar"].ready_from - story.now
    story.receive("herrera").take("lote-norte").park(stall="1")
    blocked = windows(kit, visit)["bolivar"].ready_from - story.now
    assert blocked - alone >= timedelta(seconds=kit.config.shuffle_s - 60)


def test_all_booths_cost_one_pass(kit: CloudKit, story: Story) -> None:
    visit = parked(story)
    row, statements = visit.row(), []
    event.listen(
        kit.database.engine,
        "before_cursor_execute",
        lambda _c, _k, statement, *_: statements.append(statement),
    )
    kit.database.read(lambda session: booth_windows(session, kit.config, row, story.now))
    asked = [line for line in statements if line.startswith("SELECT")]
    assert len(asked) <= 12
