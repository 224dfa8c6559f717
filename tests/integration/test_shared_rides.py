"""Runners who ride along with a colleague, in the cloud: from the plan to where they get out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import events, states
from server.database import Database
from server.dispatch.plan import WHY_RIDES
from server.dispatch.situation import look
from server.dispatch.snapshot import Runner
from server.district import load_district
from server.downlink import news
from server.models import MoveRow, RideRow
from server.worker import replan_district
from tests.cloud_kit import CloudKit
from tests.visit_story import (
    KEY,
    OTHER_RUNNER,
    RUNNER,
    Story,
    StoryVisit,
    settings,
    small_district,
)

WALK_S = 1800


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


@pytest.fixture
def story(kit: CloudKit) -> Story:
    """A district in which runners walk, and its lots are far. Both runners are at Lote Norte."""
    story = Story(kit.database, kit.config)
    district = small_district()
    travel = tuple(replace(leg, empty_s=WALK_S) for leg in district.travel)
    kit.database.write(lambda session: load_district(session, replace(district, travel=travel)))
    return story


@pytest.fixture
def asked(story: Story) -> StoryVisit:
    """A car of Lote Norte is wanted at Bolívar, where two others then come to be parked."""
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    story.tell("lote-norte", events.SHIFT_SIGNED_ON, OTHER_RUNNER)
    visit.request("bolivar")
    for _ in range(2):
        story.receive("bolivar")
    return visit


def planned(kit: CloudKit) -> dict[str, MoveRow]:
    """The drives that somebody is to begin, by visit."""
    return {row.visit_id: row for row in kit.rows(MoveRow) if row.state == "open"}


def seen(kit: CloudKit, at: datetime, person_id: str) -> Runner:
    """A runner as the planner is shown them."""
    snapshot = kit.database.read(lambda session: look(session, kit.config, at))
    return next(each for each in snapshot.runners if each.id == person_id)


def told(kit: CloudKit, visit_id: str) -> dict[str, Any]:
    """What the stations hear of a car's next drive."""
    changes = kit.database.read(lambda session: news(session, KEY, 0, 100)).changes
    (body,) = [each["body"] for each in changes if each["id"] == visit_id and "body" in each]
    move: dict[str, Any] = body["move"]
    return move


def test_a_colleague_rides_along_and_is_there_when_the_car_is(
    kit: CloudKit, story: Story, asked: StoryVisit
) -> None:
    moves = planned(kit)
    driver = moves[asked.id].runner_id
    (passenger,) = {RUNNER, OTHER_RUNNER} - {driver}
    assert moves[asked.id].passengers == [passenger]
    assert moves[asked.id].departs_at == story.now
    (onward,) = [row for row in moves.values() if row.runner_id == passenger]
    # The sentence is about where the colleague leaves, and nobody is thought to walk.
    assert (onward.why, onward.why_place_id) == (WHY_RIDES, "lote-norte")
    assert onward.sent_at is None
    assert onward.planned_start_at is not None
    assert onward.planned_start_at - story.now < timedelta(seconds=WALK_S)
    view = told(kit, asked.id)
    assert view["passengers"] == [passenger]
    assert view["departs_at"] == story.now.isoformat()
    assert "passengers" not in told(kit, onward.visit_id)
    # The plan stays while nothing happens.
    story.wait(seconds=20)
    assert not replan_district(story.database, story.config, story.now)
    assert driver is not None
    asked.take("bolivar", by=driver)
    (ride,) = kit.rows(RideRow)
    assert (ride.passenger_id, ride.visit_id, ride.ended_at) == (passenger, asked.id, None)
    person = seen(kit, story.now, passenger)
    assert (person.is_driving, person.place_id) == (True, "bolivar")
    story.wait(minutes=3)
    replan_district(story.database, story.config, story.now)
    assert planned(kit)[onward.visit_id].runner_id == passenger
    story.wait(minutes=5)
    asked.ready(by=driver)
    (ride,) = kit.rows(RideRow)
    assert (ride.to_place_id, ride.ended_at) == ("bolivar", story.now)
    person = seen(kit, story.now, passenger)
    assert (person.is_driving, person.place_id, person.sent_to) == (False, "bolivar", None)
    assert {row.runner_id for row in planned(kit).values()} == {driver, passenger}
    assert {row.planned_start_at for row in planned(kit).values()} == {story.now}
    assert kit.rebuilt() == []


def test_who_was_left_behind_goes_by_own_way(
    kit: CloudKit, story: Story, asked: StoryVisit
) -> None:
    driver = planned(kit)[asked.id].runner_id
    (passenger,) = {RUNNER, OTHER_RUNNER} - {driver}
    assert driver is not None
    asked.take("bolivar", by=driver)
    story.wait(minutes=1)
    # A tap at the lot: not in the car after all.
    story.tell("lote-norte", events.SHIFT_SIGNED_ON, passenger)
    person = seen(kit, story.now, passenger)
    assert (person.is_driving, person.place_id) == (False, "lote-norte")
    story.wait(minutes=7)
    asked.ready(by=driver)
    assert seen(kit, story.now, passenger).place_id == "lote-norte"


def test_a_ride_is_off_when_somebody_else_drives_or_the_colleague_is_not_there(
    kit: CloudKit, story: Story, asked: StoryVisit
) -> None:
    driver = planned(kit)[asked.id].runner_id
    (passenger,) = {RUNNER, OTHER_RUNNER} - {driver}
    asked.take("bolivar", by=passenger)
    assert kit.rows(RideRow) == []
    assert driver is not None
    person = seen(kit, story.now, driver)
    assert (person.is_driving, person.place_id) == (False, "lote-norte")


def test_nobody_rides_where_that_is_switched_off(kit: CloudKit, story: Story) -> None:
    story.config = replace(story.config, ride_seats=0)
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    story.tell("lote-norte", events.SHIFT_SIGNED_ON, OTHER_RUNNER)
    visit.request("bolivar")
    for _ in range(2):
        story.receive("bolivar")
    assert planned(kit)[visit.id].kind == states.RETRIEVE
    assert [row.passengers for row in kit.rows(MoveRow)] == [None] * len(kit.rows(MoveRow))
