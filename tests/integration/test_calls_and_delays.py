"""What staff say of a visit, as the cloud hears it: calls, delays, bags, incidents, breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from schemas import events
from server import shifts
from server.database import Database
from server.models import MessageRow, MoveRow, PromiseRow
from tests.cloud_kit import CloudKit
from tests.visit_story import OTHER_RUNNER, RUNNER, VALET, Story, StoryVisit, settings


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


@pytest.fixture
def story(kit: CloudKit) -> Story:
    """A district with two runners at work."""
    return Story(kit.database, kit.config)


def texts(kit: CloudKit) -> list[str]:
    """The templates of the messages, in the order in which they were caused."""
    rows = sorted(kit.rows(MessageRow), key=lambda row: (row.created_at, row.id))
    return [row.template for row in rows]


def ready(story: Story) -> StoryVisit:
    """A car that waits for its driver at Bolívar."""
    visit = story.receive("bolivar").request("bolivar")
    story.wait(minutes=1)
    visit.ready(by=VALET)
    story.wait(minutes=1)
    return visit


def call(story: Story, visit: StoryVisit, number: int) -> None:
    """The station calls by itself."""
    story.tell("bolivar", events.VISIT_CALLED, None, visit, {"number": number})


def test_each_rung_of_the_ladder_is_told_once(kit: CloudKit, story: Story) -> None:
    visit = ready(story)
    call(story, visit, 1)
    story.wait(minutes=1)
    call(story, visit, 2)
    story.wait(minutes=1)
    visit.take("lote-norte")
    story.wait(minutes=5)
    visit.park()

    assert texts(kit) == ["received", "ready", "called", "called", "reparked"]


def test_calls_that_come_in_late_are_told_as_one(kit: CloudKit, story: Story) -> None:
    visit = story.receive("bolivar").request("bolivar")
    story.cut("bolivar")
    story.wait(minutes=1)
    visit.ready(by=VALET)
    call(story, visit, 1)
    story.wait(minutes=1)
    call(story, visit, 2)
    story.join("bolivar")

    assert texts(kit) == ["received", "called"]


def test_a_delay_moves_the_promise_with_its_reason_and_is_told(kit: CloudKit, story: Story) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    visit.request("bolivar")
    (first,) = kit.rows(PromiseRow)
    story.wait(minutes=1)

    data: dict[str, object] = {"minutes": 15, "reason": "rain"}
    story.tell("lote-norte", events.VISIT_DELAYED, RUNNER, visit, data)
    story.wait(seconds=5)
    visit.take("bolivar")

    told = sorted(kit.rows(PromiseRow), key=lambda row: (row.made_at, row.id))
    assert [row.reason for row in told] == ["first", "staff_rain"]
    assert told[1].ready_by - first.ready_by == timedelta(minutes=15)
    assert texts(kit) == ["received", "delayed"]


def test_a_delay_of_what_was_never_promised_moves_nothing(kit: CloudKit, story: Story) -> None:
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, RUNNER)
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, OTHER_RUNNER)
    visit = story.receive("herrera").request("bolivar")
    data: dict[str, object] = {"minutes": 15, "reason": "staff"}
    story.tell("herrera", events.VISIT_DELAYED, VALET, visit, data)

    assert kit.rows(PromiseRow) == []
    assert texts(kit) == ["received"]


def test_a_key_in_a_sealed_bag_is_told_once(kit: CloudKit, story: Story) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    for _ in range(2):
        story.tell("lote-norte", events.VISIT_UNCLAIMED, VALET, visit, {"bag": "41"})

    assert texts(kit) == ["received", "unclaimed"]


def test_what_is_about_no_car_is_kept_and_changes_nothing(kit: CloudKit, story: Story) -> None:
    checked: dict[str, object] = {"found": 3, "missing": [], "extra": ["x"], "misplaced": []}
    receipt = story.tell("herrera", events.KEYS_CHECKED, VALET, None, checked)
    assert receipt is not None
    assert receipt.verdicts == []
    closed: dict[str, object] = {
        "carried": [],
        "keys_missing": 0,
        "tags_counted": {"key": 3},
        "tags_expected": {"key": 4},
    }
    receipt = story.tell("herrera", events.PLACE_CLOSED, VALET, None, closed)
    assert receipt is not None
    assert receipt.verdicts == []


def test_nobody_on_a_break_is_given_a_car(kit: CloudKit, story: Story) -> None:
    story.tell("lote-norte", events.SHIFT_PAUSED, RUNNER)
    story.tell("lote-norte", events.SHIFT_PAUSED, OTHER_RUNNER)
    story.receive("herrera")
    assert [row.runner_id for row in kit.rows(MoveRow)] == [None]

    story.wait(minutes=10)
    story.tell("lote-norte", events.SHIFT_RESUMED, RUNNER)
    assert [row.runner_id for row in kit.rows(MoveRow)] == [RUNNER]
    at_work = kit.database.read(lambda session: shifts.at_work(session, "runner", story.now, 36000))
    assert [person_id for person_id, _ in at_work] == [RUNNER]
