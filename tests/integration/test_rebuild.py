"""Folding all events again gives the same rows, and names the row that somebody touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from schemas import states
from server.database import Database
from server.models import EventRow, MoveRow, RequestRow, ShiftRow, VisitRow
from tests.cloud_kit import CloudKit
from tests.report_evenings import ask, changed_mind, not_fetched, settle, twin
from tests.visit_story import (
    OTHER_RUNNER,
    Story,
    claim_tag,
    key_tag,
    settings,
)

VALET_SERVER = Path(sys.executable).with_name("valet-server")


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


def rich_story(kit: CloudKit) -> Story:
    """All that can happen to a car, to one car or another."""
    story = Story(kit.database, kit.config)
    story.receive("herrera").play_whole()
    changed_mind(story)
    not_fetched(story)
    disputed(story)
    shared_tags(story)
    story.wait(minutes=1)
    story.receive("francia", phone=None)
    story.wait(minutes=1)
    ask(story, story.receive("bolivar"), "herrera")
    return story


def disputed(story: Story) -> None:
    """Handed over unasked, held, settled; and one that is still held."""
    for is_settled in (True, False):
        story.wait(minutes=1)
        visit = story.receive("francia")
        story.wait(minutes=1)
        visit.ready("francia")
        story.wait(minutes=1)
        visit.hand_over()
        story.wait(minutes=1)
        visit.park("lote-norte")
        if is_settled:
            settle(story, visit, states.PARKED, "lote-norte")


def shared_tags(story: Story) -> None:
    """Three booths that were cut off gave out tags twice: the second car has the first one's key
    tag, the third the second one's claim tag. The first is given back, the others stay held."""
    first = story.receive("herrera")
    second = twin(story, "bolivar", first.key_tag, claim_tag(90))
    third = twin(story, "francia", key_tag(91), claim_tag(90))
    for visit in (first, second, third):
        assert visit.row().shown_state == states.HELD
    settle(story, first, states.HANDED_OVER, "herrera")
    assert second.row().tag_shared
    assert third.row().tag_shared


def test_a_rich_evening_folds_into_the_same_rows(kit: CloudKit) -> None:
    rich_story(kit)
    shown = {row.shown_state for row in kit.rows(VisitRow)}
    assert {states.HELD, states.HANDED_OVER, states.PARKED, states.AT_BOOTH} <= shown
    statuses = {row.status for row in kit.rows(RequestRow)}
    assert statuses == {"open", "replaced", "cancelled", "done"}
    assert {row.kind for row in kit.rows(MoveRow)} >= set(states.MOVE_KINDS)
    assert kit.rebuilt() == []


def test_an_empty_district_has_nothing_to_rebuild(kit: CloudKit) -> None:
    Story(kit.database, kit.config)
    assert kit.rebuilt() == []


Tamper = Callable[[Session, str], object]


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (
            lambda session, visit_id: session.execute(
                update(VisitRow).where(VisitRow.id == visit_id).values(state="parked", step=99)
            ),
            ["visits/{visit}.state", "visits/{visit}.step"],
        ),
        (
            lambda session, visit_id: session.execute(
                delete(RequestRow).where(RequestRow.visit_id == visit_id)
            ),
            ["requests/{request}: missing before"],
        ),
        (
            lambda session, visit_id: session.execute(
                update(MoveRow)
                .where(MoveRow.visit_id == visit_id, MoveRow.ordinal == 1)
                .values(runner_id="nobody")
            ),
            ["moves/{visit}/1.runner_id"],
        ),
        (
            lambda session, _visit_id: session.execute(
                update(ShiftRow).where(ShiftRow.person_id == OTHER_RUNNER).values(is_on=False)
            ),
            ["shifts/teo.is_on"],
        ),
        (
            lambda session, visit_id: session.execute(
                update(EventRow)
                .where(EventRow.visit_id == visit_id, EventRow.type == "visit.handed_over")
                .values(visit_id=None)
            ),
            ["requests/{request}.status", "visits/{visit}.car", "visits/{visit}.proof"],
        ),
    ],
    ids=["visit", "request", "move", "shift", "event"],
)
def test_a_row_that_was_touched_by_hand_is_named(
    kit: CloudKit, tamper: Tamper, named: list[str]
) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").play_whole()
    request_id = kit.one(RequestRow).event_id
    kit.database.write(lambda session: tamper(session, visit.id))
    found = kit.rebuilt()
    for name in named:
        assert name.format(visit=visit.id, request=request_id) in found


def test_a_visit_that_no_event_tells_of_is_named(kit: CloudKit) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera")
    kit.database.write(
        lambda session: session.execute(delete(EventRow).where(EventRow.visit_id == visit.id))
    )
    assert kit.rebuilt() == ["shifts/ana: missing after", f"visits/{visit.id}: missing after"]


def run_rebuild(kit: CloudKit, *options: str) -> tuple[int, list[str]]:
    """`valet-server rebuild`: its exit status and what it said."""
    env = {
        **os.environ,
        "VALET_SERVER_DATABASE_URL": kit.config.database_url,
        "VALET_SERVER_DATA_DIR": str(kit.config.data_dir),
    }
    done = subprocess.run(
        [VALET_SERVER, "rebuild", *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_the_command_names_differences_keeps_nothing_unless_told_and_says_so_by_its_exit(
    kit: CloudKit,
) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").play_whole()
    assert run_rebuild(kit) == (0, ["0 differences"])
    kit.database.write(
        lambda session: session.execute(update(VisitRow).values(stall="99", code="X-9999"))
    )
    said = [f"visits/{visit.id}.code", f"visits/{visit.id}.stall", "2 differences"]
    assert run_rebuild(kit) == (1, said)
    assert run_rebuild(kit, "--write") == (1, said)
    assert run_rebuild(kit) == (0, ["0 differences"])
    assert kit.database.read(lambda session: session.scalar(select(VisitRow.code))) == visit.code
