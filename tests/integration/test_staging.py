"""Cars that are brought near before anybody asks for them, in the cloud: from the forecast to the
promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from schemas import events, states
from server.booth_windows import booth_windows
from server.database import Database
from server.dispatch.past_evenings import Forecasts
from server.dispatch.plan import WHY_STAGED
from server.dispatch.situation import look
from server.district import load_district
from server.models import MoveRow, PromiseRow
from server.worker import replan_district
from tests.cloud_kit import CloudKit
from tests.visit_story import (
    OTHER_RUNNER,
    RUNNER,
    VALET,
    Story,
    StoryVisit,
    settings,
    small_district,
)


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud that thinks that cars stay for a quarter of an hour."""
    database = Database(database_url)
    yield CloudKit(database, replace(settings(tmp_path, database_url), stay_s=900))
    database.close()


@pytest.fixture
def story(kit: CloudKit) -> Story:
    """A district whose Plaza Herrera has set one space aside."""
    story = Story(kit.database, kit.config)
    district = small_district()
    places = tuple(
        replace(place, staging_spaces=int(place.id == "herrera")) for place in district.places
    )
    kit.database.write(lambda session: load_district(session, replace(district, places=places)))
    return story


def parked(story: Story) -> StoryVisit:
    """A car of Plaza Herrera that has stood in Lote Norte for a while."""
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=5)
    visit.park()
    story.wait(minutes=20)
    return visit


def plan(story: Story) -> bool:
    """What the worker does every few seconds."""
    return replan_district(story.database, story.config, story.now, Forecasts())


def waiting(kit: CloudKit) -> list[MoveRow]:
    """The drives that somebody is to begin."""
    return [row for row in kit.rows(MoveRow) if row.state == "open"]


def test_a_likely_leaver_is_brought_near_and_is_there_when_it_is_asked_for(
    kit: CloudKit, story: Story
) -> None:
    visit, other = parked(story), parked(story)
    assert plan(story)
    (move,) = waiting(kit)
    assert (move.visit_id, move.kind, move.why) == (visit.id, states.RELOCATE, WHY_STAGED)
    assert (move.from_place_id, move.to_place_id) == ("lote-norte", "herrera")
    assert (move.why_place_id, move.runner_id) == ("herrera", RUNNER)
    # It stays in the plan while others come, and the one space there is takes one car.
    story.wait(seconds=5)
    story.receive("bolivar")
    assert not plan(story)
    assert {row.visit_id: row.kind for row in waiting(kit)}[visit.id] == states.RELOCATE
    assert other.id not in {row.visit_id for row in waiting(kit)}
    visit.take("herrera", RUNNER, states.RELOCATE)
    story.wait(minutes=6)
    visit.park(stall="")
    assert (visit.row().car, visit.row().place_id) == (states.PARKED, "herrera")
    seen = kit.database.read(lambda session: look(session, kit.config, story.now))
    assert (seen.booths["herrera"].staged, seen.booths["herrera"].standing) == (1, 0)
    windows = kit.database.read(
        lambda session: booth_windows(session, kit.config, visit.row(), story.now)
    )
    assert windows["herrera"].ready_by - story.now <= timedelta(minutes=3)
    assert windows["bolivar"].ready_by - story.now > timedelta(minutes=5)
    visit.request("herrera")
    assert visit.id not in {row.visit_id for row in waiting(kit)}
    assert kit.one(PromiseRow).ready_by - story.now <= timedelta(minutes=3)
    visit.ready(by=VALET).hand_over()
    assert visit.row().car == states.HANDED_OVER
    assert kit.rebuilt() == []


def test_a_car_that_is_asked_for_on_its_way_is_ready_where_it_goes(
    kit: CloudKit, story: Story
) -> None:
    visit = parked(story)
    plan(story)
    visit.take("herrera", RUNNER, states.RELOCATE)
    visit.request("herrera")
    assert waiting(kit) == []
    told = kit.one(PromiseRow).ready_by - story.now
    assert timedelta(minutes=5) <= told <= timedelta(minutes=12)
    # Somebody asks for it elsewhere instead: whoever brought it here drives it there.
    visit.request("bolivar")
    (move,) = waiting(kit)
    assert (move.kind, move.from_place_id, move.to_place_id) == (
        states.RETRIEVE,
        "herrera",
        "bolivar",
    )


def test_who_waits_comes_first_and_nothing_is_brought_near_when_that_is_switched_off(
    kit: CloudKit, story: Story
) -> None:
    visit, other = parked(story), parked(story)
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, OTHER_RUNNER)
    plan(story)
    (move,) = waiting(kit)
    assert move.why == WHY_STAGED
    # The only runner is wanted: the car that was to be brought near stays where it is.
    other.request("herrera")
    (move,) = waiting(kit)
    assert (move.visit_id, move.kind) == (other.id, states.RETRIEVE)
    other.take("herrera").ready().hand_over()
    plan(story)
    (move,) = waiting(kit)
    assert (move.visit_id, move.why) == (visit.id, WHY_STAGED)
    story.config = replace(story.config, stage_cars=False)
    plan(story)
    assert waiting(kit) == []


def test_a_car_that_others_block_is_left_alone(kit: CloudKit, story: Story) -> None:
    district = small_district()
    rows = {"lote-norte": (("A1", "A2"),)}
    places = tuple(
        replace(place, staging_spaces=2, rows=rows.get(place.id, ())) for place in district.places
    )
    kit.database.write(lambda session: load_district(session, replace(district, places=places)))
    blocked, blocking = story.receive("herrera"), story.receive("herrera")
    for visit, stall in ((blocked, "A2"), (blocking, "A1")):
        visit.take("lote-norte").park(stall=stall)
    story.wait(minutes=20)
    plan(story)
    assert [row.visit_id for row in waiting(kit)] == [blocking.id]
