"""What staff take back: the cloud's rows are as if it had never been said, and a break is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from schemas import events, states
from server import outbox
from server.database import Database
from server.downlink import news
from server.models import EventRow, MessageRow, MoveRow
from server.rebuild import rebuild
from tests.visit_story import KEY, RUNNER, Story, StoryVisit, settings


@pytest.fixture
def story(tmp_path: Path, database_url: str) -> Iterator[Story]:
    """A district on each database."""
    database = Database(database_url)
    yield Story(database, settings(tmp_path, database_url))
    database.close()


def take_back(visit: StoryVisit, place_id: str) -> None:
    """Whoever spoke last at the place takes it back."""
    lines = select(EventRow.line).where(
        EventRow.visit_id == visit.id, EventRow.place_id == place_id
    )
    rows = visit.story.database.read(lambda session: session.scalars(lines).all())
    last = max((json.loads(line) for line in rows), key=lambda body: body["step"])
    data: dict[str, object] = {"event_id": last["id"]}
    visit.story.tell(place_id, events.VISIT_UNDONE, RUNNER, visit, data)


def moves(visit: StoryVisit) -> list[tuple[str, str]]:
    """Kind and state of its moves."""
    rows = select(MoveRow).where(MoveRow.visit_id == visit.id).order_by(MoveRow.ordinal)
    found = visit.story.database.read(lambda session: session.scalars(rows).all())
    return [(row.kind, row.state) for row in found]


def ready_texts(visit: StoryVisit) -> int:
    """How often the driver was told that the car is ready."""
    rows = select(MessageRow).where(
        MessageRow.visit_id == visit.id, MessageRow.template == outbox.READY
    )
    return len(visit.story.database.read(lambda session: session.scalars(rows).all()))


def test_a_drive_that_was_taken_back_is_planned_again(story: Story) -> None:
    visit = story.receive("herrera")
    before = moves(visit)
    visit.take("lote-norte")
    assert visit.row().car == states.TO_LOT
    take_back(visit, "herrera")

    row = visit.row()
    assert (row.car, row.place_id, row.key_holder_kind) == (states.AT_BOOTH, "herrera", states.HOOK)
    assert moves(visit) == before
    assert story.database.write(lambda session: rebuild(session)) == []


def test_a_car_that_was_not_ready_after_all_is_told_of_again_once_it_is(story: Story) -> None:
    visit = story.receive("herrera").take("lote-norte").park().request("bolivar").take("bolivar")
    visit.ready()
    assert ready_texts(visit) == 1
    take_back(visit, "bolivar")
    assert (visit.row().car, visit.row().ready_at) == (states.TO_BOOTH, None)
    visit.destination_id = "bolivar"
    visit.ready()
    assert (visit.row().car, ready_texts(visit)) == (states.READY, 2)


def test_a_key_that_was_seen_before_its_car_was_known_is_kept_and_changes_nothing(
    story: Story,
) -> None:
    visit = story.receive("herrera")
    data: dict[str, object] = {"tag": visit.key_tag, "stall": "7", "hook": 3}
    receipt = story.tell("lote-norte", events.KEY_SEEN, RUNNER, None, data)
    assert receipt is not None
    assert receipt.verdicts == []
    assert visit.row().car == states.AT_BOOTH


def test_stations_are_told_who_rests_and_where(story: Story) -> None:
    def told(cursor: int) -> list[tuple[str, str | None, bool]]:
        found = story.database.read(lambda session: news(session, KEY, cursor, 500))
        people = [one["body"] for one in found.changes if one["kind"] == "person"]
        return [(p["id"], p["shift_place_id"], p["is_resting"]) for p in people]

    def version() -> int:
        return story.database.read(lambda session: news(session, KEY, 0, 500)).cursor

    cursor = version()
    story.tell("lote-norte", events.SHIFT_PAUSED, RUNNER)
    assert told(cursor) == [(RUNNER, "lote-norte", True)]
    cursor = version()
    story.tell("lote-norte", events.SHIFT_RESUMED, RUNNER)
    assert told(cursor) == [(RUNNER, "lote-norte", False)]
    cursor = version()
    story.receive("herrera").take("lote-norte")
    # A tap at work is no news of this kind.
    assert RUNNER not in {person_id for person_id, *_ in told(cursor)}
    cursor = version()
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, RUNNER)
    assert told(cursor) == [(RUNNER, None, False)]
