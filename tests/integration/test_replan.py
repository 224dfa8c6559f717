"""A plan put into force: open moves, runners and promises that agree with what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from schemas import states
from schemas.problems import Refusal
from server import outbox, requests
from server.database import Database
from server.dispatch import planner as live
from server.dispatch.plan import WHY_FIRST_BACK, WHY_NEAREST, Plan, Planner
from server.dispatch.replan import replan
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Snapshot
from server.district import load_district, next_version
from server.models import EventRow, MessageRow, MoveRow, PromiseRow, VisitRow
from tests.cloud_kit import CloudKit
from tests.visit_story import KEY, OTHER_RUNNER, RUNNER, Story, StoryVisit, settings, small_district


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


def plan_again(story: Story, planner: Planner = live.plan) -> set[str]:
    """What the worker does when time has passed."""
    return story.database.write(
        lambda session: replan(session, story.config, next_version(session), story.now, planner)
    )


def open_move(kit: CloudKit) -> MoveRow:
    """The one move that is wanted now."""
    (move,) = [row for row in kit.rows(MoveRow) if row.state == "open"]
    return move


def parked(story: Story, **details: str | None) -> StoryVisit:
    """A car that stands in a lot."""
    visit = story.receive("herrera", **details)  # type: ignore[arg-type]
    visit.take("lote-norte")
    story.wait(minutes=6)
    return visit.park()


def test_a_car_that_comes_in_is_to_be_parked_by_somebody(kit: CloudKit, story: Story) -> None:
    story.receive("herrera")
    move = open_move(kit)
    assert (move.kind, move.from_place_id, move.ordinal) == (states.PARK, "herrera", 1)
    assert move.to_place_id in ("lote-norte", "lote-sur")
    assert move.runner_id in (RUNNER, OTHER_RUNNER)


def test_a_plan_that_says_the_same_is_no_news(story: Story) -> None:
    story.receive("herrera")
    story.wait(seconds=5)
    assert plan_again(story) == set()


def test_another_reason_for_the_same_plan_is_news(kit: CloudKit, story: Story) -> None:
    visit = story.receive("herrera")
    assert open_move(kit).why == WHY_NEAREST

    def with_another_reason(snapshot: Snapshot, seed: int, budget: Budget) -> Plan:
        plan = live.plan(snapshot, seed, budget)
        return replace(plan, jobs=[replace(job, why=WHY_FIRST_BACK) for job in plan.jobs])

    # Screens show it to the runner.
    assert plan_again(story, with_another_reason) == {visit.id}
    assert open_move(kit).why == WHY_FIRST_BACK


def test_a_request_for_the_kerb_where_the_car_stands_needs_no_drive(
    kit: CloudKit, story: Story
) -> None:
    story.receive("herrera").request("herrera")
    assert kit.count(MoveRow) == 0
    promise = kit.one(PromiseRow)
    assert promise.ready_from - story.now < timedelta(minutes=1)


def test_a_move_that_changes_its_kind_does_not_keep_the_old_destination(
    kit: CloudKit, story: Story
) -> None:
    visit = story.receive("herrera").request("bolivar")
    assert open_move(kit).to_place_id == "bolivar"
    story.tell("lote-norte", "shift.signed_off", RUNNER)
    story.tell("lote-norte", "shift.signed_off", OTHER_RUNNER)
    story.tell("herrera", "visit.request_cancelled", "ana", visit, {"source": "booth"})
    move = open_move(kit)
    assert (move.kind, move.to_place_id, move.runner_id) == (states.PARK, None, None)


def test_a_car_on_its_way_to_the_lot_is_promised_for_after_the_way_back(
    kit: CloudKit, story: Story
) -> None:
    visit = story.receive("herrera").take("lote-norte").request("bolivar")
    promise = kit.one(PromiseRow)
    # 300 s there and 300 s back, with 150 s of handling each.
    assert promise.ready_from >= story.now + timedelta(seconds=900)
    move = open_move(kit)
    assert (move.ordinal, move.from_place_id, move.kind) == (2, "lote-norte", states.RETRIEVE)
    assert visit.row().state == states.TO_LOT


def test_nobody_promises_a_time_while_nobody_is_at_work(kit: CloudKit, story: Story) -> None:
    story.receive("herrera").take("lote-norte", by=OTHER_RUNNER)
    for person in (RUNNER, OTHER_RUNNER):
        story.wait(seconds=1)
        story.tell("lote-norte", "shift.signed_off", person)
    story.visits[0].request("bolivar")
    assert kit.count(PromiseRow) == 0
    assert open_move(kit).runner_id is None


def test_a_car_that_is_wanted_later_is_never_promised_for_earlier(
    kit: CloudKit, story: Story
) -> None:
    wanted = story.now + timedelta(hours=2)
    parked(story).request("bolivar", wanted)
    assert kit.one(PromiseRow).ready_from >= wanted
    story.receive("herrera").take("lote-sur").request("francia", wanted)
    assert all(row.ready_from >= wanted for row in kit.rows(PromiseRow))


def test_a_promise_that_cannot_hold_is_moved_and_told_once(kit: CloudKit, story: Story) -> None:
    parked(story).request("bolivar")
    first = kit.one(PromiseRow)
    for _ in range(3):
        story.wait(minutes=30)
        plan_again(story)
    rows = sorted(kit.rows(PromiseRow), key=lambda row: row.made_at)
    assert [row.reason for row in rows] == ["first", "late", "late", "late"]
    assert rows[-1].ready_from > first.ready_by
    late = [row for row in kit.rows(MessageRow) if row.template == outbox.DELAYED]
    assert len(late) == 1


def test_a_driver_without_a_phone_is_not_written_to(kit: CloudKit, story: Story) -> None:
    parked(story, phone=None).request("bolivar")
    story.wait(minutes=40)
    assert plan_again(story)
    assert kit.count(MessageRow) == 0


def test_a_car_that_nobody_fetched_and_that_goes_back_is_not_called_late(
    kit: CloudKit, story: Story
) -> None:
    visit = parked(story).request("bolivar").take("bolivar")
    story.wait(minutes=6)
    visit.ready()
    story.wait(minutes=60)
    visit.take("lote-sur")
    plan_again(story)
    assert [row.reason for row in kit.rows(PromiseRow)] == ["first"]
    assert outbox.DELAYED not in {row.template for row in kit.rows(MessageRow)}


def test_a_full_district_leaves_the_car_and_says_that_it_has_no_plan(
    kit: CloudKit, story: Story
) -> None:
    full = [replace(place, stalls=0) for place in small_district().places]
    district = replace(small_district(), places=tuple(full))
    kit.database.write(lambda session: load_district(session, district))
    story.receive("herrera")
    move = open_move(kit)
    assert (move.to_place_id, move.runner_id) == (None, None)


def test_a_held_car_is_not_driven_anywhere(kit: CloudKit, story: Story) -> None:
    story.receive("herrera").ready().hand_over()
    assert kit.count(MoveRow) == 0


def test_asking_again_for_the_same_thing_changes_nothing_even_when_its_time_has_come(
    kit: CloudKit, story: Story
) -> None:
    visit = parked(story)
    wanted = story.now + timedelta(minutes=30)
    for minutes in (0, 1, 45):
        now = story.wait(minutes=minutes)
        kit.database.write(
            lambda session, now=now: requests.request_car(  # type: ignore[misc]
                session, kit.config, KEY, visit.id, "bolivar", wanted, now
            )
        )
    assert sum(row.type == "visit.requested" for row in kit.rows(EventRow)) == 1
    with pytest.raises(Refusal, match="bad_time"):
        kit.database.write(
            lambda session: requests.request_car(
                session, kit.config, KEY, visit.id, "francia", wanted, story.now
            )
        )


@pytest.mark.parametrize(
    ("state", "place_id"),
    [(states.PARKED, "herrera"), (states.READY, "lote-sur"), (states.AT_BOOTH, "lote-norte")],
)
def test_a_dispute_is_not_settled_with_what_cannot_be(
    kit: CloudKit, story: Story, state: str, place_id: str
) -> None:
    visit = story.receive("herrera").ready().hand_over()
    with pytest.raises(Refusal, match="bad_choice"):
        kit.database.write(
            lambda session: requests.resolve(
                session, kit.config, KEY, visit.id, state, place_id, "visto", "sofia", story.now
            )
        )
    assert kit.one(VisitRow).state == states.HELD
