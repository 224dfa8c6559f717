"""A promise is judged when the car is ready, once, and the next windows have learned from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from server import calibration, promises, requests
from server.database import Database
from server.models import CalibrationRow, PromiseOutcomeRow, PromiseRow, RequestRow
from server.promises import BOOKED, CHANGED, FIRST, KERB, RUSH, SOON
from tests.cloud_kit import CloudKit
from tests.visit_story import KEY, Story, StoryVisit, settings


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


def asked(story: Story, wanted_at: datetime | None = None) -> StoryVisit:
    """A car in a lot that is asked for."""
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=7)
    visit.park()
    return visit.request("bolivar", wanted_at)


def brought(story: Story, visit: StoryVisit, minutes: float) -> StoryVisit:
    """It stands at the booth so long after it was asked for."""
    visit.take("bolivar")
    story.wait(minutes=minutes)
    return visit.ready()


def test_a_promise_keeps_what_it_was_made_from(kit: CloudKit, story: Story) -> None:
    asked(story)
    promise = kit.one(PromiseRow)
    assert (promise.reason, promise.kind) == (FIRST, SOON)
    # 300 s of driving and 150 s of handling: the runner stands beside it.
    assert promise.planned_at == promise.expected_at == story.now + timedelta(seconds=450)


@pytest.mark.parametrize(("minutes", "was_kept"), [(8, True), (30, False)])
def test_a_car_that_is_ready_teaches(
    kit: CloudKit, story: Story, minutes: int, was_kept: bool
) -> None:
    visit = brought(story, asked(story), minutes)
    outcome, level = kit.one(PromiseOutcomeRow), kit.one(CalibrationRow)
    late_s = minutes * 60 - 450
    assert (outcome.kind, outcome.late_s, outcome.ready_at) == (SOON, late_s, story.now)
    # A slack is 120 s and a quarter of 450 s.
    assert outcome.score_permille == round(late_s / 232.5 * 1000)
    assert (level.kind, level.cars) == (SOON, 1)
    assert level.missed_ppm == (102_000 if was_kept else 82_000)
    visit.hand_over()
    assert (kit.count(PromiseOutcomeRow), kit.one(CalibrationRow).cars) == (1, 1)


@pytest.mark.usefixtures("database_url")
def test_windows_open_after_misses_and_only_for_their_own_kind(kit: CloudKit, story: Story) -> None:
    def width(kind: str) -> float:
        return kit.database.read(
            lambda session: calibration.levels(session, kit.config, [kind])[kind].width
        )

    assert width(SOON) == 1.0
    for _ in range(6):
        brought(story, asked(story), 30).hand_over()
    assert width(SOON) > 3
    assert width(BOOKED) == width(KERB) == 1.0
    asked(story)
    newest = max(kit.rows(PromiseRow), key=lambda row: row.made_at)
    assert newest.ready_by - newest.ready_from > timedelta(minutes=10)
    assert newest.expected_at is not None
    assert newest.planned_at is not None
    assert newest.expected_at > newest.planned_at


def test_a_booked_car_is_not_early_before_its_time(kit: CloudKit, story: Story) -> None:
    visit = asked(story, story.now + timedelta(hours=1))
    story.wait(minutes=40)
    brought(story, visit, 8)
    outcome = kit.one(PromiseOutcomeRow)
    assert (outcome.kind, outcome.late_s, outcome.score_permille) == (BOOKED, 0, 0)


@pytest.mark.parametrize("cause", [promises.LATE, promises.CLOSURE])
def test_a_promise_stands_until_it_cannot_hold_and_moves_with_its_reason(
    kit: CloudKit, story: Story, cause: str
) -> None:
    asked(story)
    told, request, now = kit.one(PromiseRow), kit.one(RequestRow), story.now

    def moved(late_s: int) -> PromiseRow | None:
        estimate = told.ready_by + timedelta(seconds=late_s)
        return kit.database.write(
            lambda session: promises.keep_or_move(
                session, kit.config, request, told.ready_by, estimate, now, cause
            )
        )

    assert [moved(late_s) for late_s in (-600, 0, kit.config.promise_move_s)] == [None] * 3
    later = moved(kit.config.promise_move_s + 1)
    assert later is not None
    assert (later.reason, later.kind) == (cause, None)
    assert later.ready_by > later.ready_from > told.ready_by


def test_a_car_at_its_kerb_is_a_kind_of_its_own(kit: CloudKit, story: Story) -> None:
    visit = story.receive("herrera").request("herrera")
    story.wait(minutes=1)
    visit.ready()
    assert kit.one(PromiseOutcomeRow).kind == KERB


def test_a_new_wish_of_the_driver_is_a_new_promise_and_no_delay(
    kit: CloudKit, story: Story
) -> None:
    visit = asked(story)
    now = story.wait(seconds=1)
    kit.database.write(
        lambda session: requests.request_car(
            session, kit.config, KEY, visit.id, "francia", None, now
        )
    )
    first, second = sorted(kit.rows(PromiseRow), key=lambda row: row.made_at)
    assert (first.booth_id, first.reason) == ("bolivar", FIRST)
    assert (second.booth_id, second.reason) == ("francia", CHANGED)
    assert not promises.is_moved(second.reason)
    visit.take("francia")
    story.wait(minutes=8)
    visit.ready()
    assert kit.one(PromiseOutcomeRow).promise_id == second.id


def test_what_was_promised_after_the_car_stood_there_is_not_judged(
    kit: CloudKit, story: Story
) -> None:
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=7)
    visit.park()
    story.cut("bolivar")
    # The booth that it is brought to is cut off: the cloud still thinks that it stands in the lot.
    visit.request("bolivar", at_place_id="lote-norte").take("bolivar")
    story.wait(minutes=8)
    visit.ready()
    # A cloud that promised nothing before it heard of it has nothing to judge.
    kit.database.write(lambda session: session.execute(delete(PromiseRow)))
    story.wait(minutes=5)
    story.join("bolivar")
    assert kit.count(PromiseOutcomeRow) == 0


def test_a_time_that_a_person_said_afterwards_teaches_nothing(kit: CloudKit, story: Story) -> None:
    visit = asked(story)
    # It was taken from a lot where it did not stand: somebody has to say what is true.
    visit.place_id = "lote-sur"
    visit.take("bolivar")
    story.wait(minutes=20)
    kit.database.write(
        lambda session: requests.resolve(
            session, kit.config, KEY, visit.id, "ready", "bolivar", "visto", "sofia", story.now
        )
    )
    assert visit.row().state == "ready"
    assert kit.count(PromiseOutcomeRow) == 0


def test_only_the_last_cars_count(kit: CloudKit, story: Story) -> None:
    config = replace(kit.config, promise_memory_cars=5, promise_assumed_cars=1)
    story.config = config
    for minutes in (30, 30, *[8] * 6):
        brought(story, asked(story), minutes).hand_over()
    # The late ones are forgotten.
    assert kit.one(CalibrationRow).width_permille < 200
    assert kit.one(CalibrationRow).cars == 8


def test_who_asks_in_a_rush_is_promised_and_learned_from_as_such(
    kit: CloudKit, story: Story
) -> None:
    cars = [story.receive("herrera").take("lote-norte").park() for _ in range(3)]
    for car in cars:
        car.request("herrera")
    kinds = {row.visit_id: row.kind for row in kit.rows(PromiseRow) if row.kind is not None}
    # Two runners: the third finds as many others before it.
    assert [kinds[car.id] for car in cars] == [SOON, SOON, RUSH]
    cars[2].take("herrera")
    story.wait(minutes=7)
    cars[2].ready()
    assert {row.kind for row in kit.rows(PromiseOutcomeRow)} == {RUSH}
    assert {row.kind for row in kit.rows(CalibrationRow)} == {RUSH}
