"""The live planner in the cloud: what it is shown, what it decides, and who plans if it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from inspect import unwrap
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import district as districts
from schemas import events, states
from server import promises
from server.database import Database
from server.dispatch import first_come, replan
from server.dispatch.past_evenings import Forecasts
from server.dispatch.plan import WHY_CLOSURE, WHY_NEAREST, Plan
from server.dispatch.planner_state import guarded
from server.dispatch.route_search import Budget
from server.dispatch.situation import look
from server.dispatch.snapshot import Snapshot
from server.district import load_district
from server.downlink import news
from server.models import MoveRow, PersonRow, PlannerStateRow, PromiseRow
from server.worker import replan_district
from tests.cloud_kit import CloudKit
from tests.visit_story import KEY, OTHER_RUNNER, RUNNER, VALET, Story, settings, small_district

# Eight in the evening of a Friday in Panama is `EVENING`.
ROWS = (("A1", "A2"), ("B1", "B2"))


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


def change(story: Story, **changes: Any) -> None:
    """Load the district anew; of people and places, what the changes say by id."""
    district = small_district()
    people = [replace(each, **changes.get(each.id, {})) for each in district.people]
    places = [
        replace(each, **changes.get(each.id.replace("-", "_"), {})) for each in district.places
    ]
    changed = replace(
        district,
        people=tuple(people),
        places=tuple(places),
        closures=changes.get("closures", ()),
    )
    story.database.write(lambda session: load_district(session, changed))


def seen(story: Story) -> Snapshot:
    """What a planner is shown now."""
    return story.database.read(lambda session: look(session, story.config, story.now))


def broken(snapshot: Snapshot, seed: int, budget: Budget) -> Plan:
    """A planner with a fault."""
    raise ZeroDivisionError("no plan")


def test_a_planner_that_fails_is_replaced_by_the_baseline_and_that_is_said_once(
    kit: CloudKit, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = story.now
    with capture_logs() as logged:
        with monkeypatch.context() as patch:
            patch.setattr(replan.replan, "__defaults__", (broken, None))
            patch.setattr(unwrap(replan.search), "__defaults__", (broken,))
            story.receive("herrera")
            story.receive("bolivar")
            assert replan_district(story.database, story.config, story.now)
            lost = {row.part: (row.fault, row.since_at) for row in kit.rows(PlannerStateRow)}
            by_visit = {row.visit_id: row.runner_id for row in kit.rows(MoveRow)}
            snapshot = seen(story)
            assert by_visit == {
                job.visit_id: job.runner_id for job in first_come.plan(snapshot).jobs
            }
            for _ in range(3):
                story.wait(seconds=5)
                replan_district(story.database, story.config, story.now)
        story.receive("francia")
        assert replan_district(story.database, story.config, story.now)
    assert lost == {"at_once": ("failed", since), "search": ("failed", since)}
    said = [(each["event"], each["part"]) for each in logged if "planner" in each["event"]]
    assert said == [
        ("planner_lost", "at_once"),
        ("planner_lost", "search"),
        ("planner_back", "at_once"),
        ("planner_back", "search"),
    ]
    assert all(row.fault is None for row in kit.rows(PlannerStateRow))


def test_a_search_that_is_too_late_is_not_used(story: Story) -> None:
    ticks = iter(range(0, 10**9, 7))

    def slow_clock() -> float:
        return float(next(ticks))

    story.receive("herrera")
    snapshot = seen(story)
    found = guarded(replan.LIVE, snapshot, 1, Budget(1), 5.0, slow_clock)
    assert (found.fault, found.plan.policy) == ("late", first_come.POLICY)
    ticks = iter(range(0, 10**9, 1))
    assert guarded(replan.LIVE, snapshot, 1, Budget(1), 5.0, slow_clock).fault is None


def test_a_car_that_was_taken_while_the_search_ran_is_left_alone(
    kit: CloudKit, story: Story
) -> None:
    first, second = story.receive("herrera"), story.receive("bolivar")
    found = replan.search(seen(story), story.config)
    first.take("lote-norte", by=RUNNER)
    third = story.receive("francia")
    story.database.write(
        lambda session: replan.replan(
            session, story.config, 999, story.now, standing=replan.routes_of(found.plan)
        )
    )
    rows = {row.visit_id: row for row in kit.rows(MoveRow)}
    assert (rows[first.id].state, rows[first.id].runner_id) == ("taken", RUNNER)
    assert {rows[visit.id].state for visit in (second, third)} == {"open"}
    assert None not in {rows[visit.id].runner_id for visit in (second, third)}


def test_a_planner_is_shown_breaks_licences_rows_and_closures(story: Story) -> None:
    change(
        story,
        **{
            RUNNER: {"licences": ("manual",), "breaks": (districts.Break("23:30", "00:15"),)},
            OTHER_RUNNER: {"licence_until": "2026-11-19"},
            "lote_norte": {"rows": ROWS, "stalls": 4},
        },
        closures=(
            districts.Closure("peatonal", "Peatonal", place_id="francia", weekdays=(4,),
                              from_time="19:00", until_time="02:00"),
            districts.Closure("cinta", "Cinta Costera", from_place_id="herrera",
                              to_place_id="lote-sur", from_at=story.now,
                              until_at=story.now + timedelta(hours=1)),
            districts.Closure("over", "Ayer", place_id="bolivar", weekdays=(3,),
                              from_time="19:00", until_time="19:30"),
        ),
    )  # fmt: skip
    front, back = story.receive("herrera"), story.receive("herrera")
    for visit, stall in ((back, "A2"), (front, "A1")):
        visit.take("lote-norte")
        story.wait(minutes=1)
        visit.park(stall=stall)
    back.request("bolivar")
    snapshot = seen(story)
    (person,) = snapshot.runners
    assert (person.id, sorted(person.licences)) == (RUNNER, ["manual"])
    assert [each.until_at - each.from_at for each in person.breaks] == [timedelta(minutes=45)]
    assert {(each.place_id, each.leg) for each in snapshot.shut} == {
        ("francia", None),
        (None, ("herrera", "lote-sur")),
    }
    assert snapshot.free_stalls["lote-norte"] == 2
    assert [list(row.cars) for row in snapshot.rows["lote-norte"]] == [["A1", "A2"], []]
    (job,) = first_come.plan(snapshot).jobs
    assert list(job.blocked_by) == [front.id]
    assert job.done_at - job.start_at == timedelta(seconds=300 + 150 + story.config.shuffle_s)


def test_a_car_that_nobody_may_drive_stays_and_one_for_few_waits_for_them(
    kit: CloudKit, story: Story
) -> None:
    change(story, **{RUNNER: {"licences": ()}, OTHER_RUNNER: {"licences": ("manual",)}})
    visit = story.receive("herrera", handling=["manual", "fragile"], wish_min=90)
    assert kit.one(MoveRow).runner_id == OTHER_RUNNER
    assert visit.row().leaves_at == story.now + timedelta(minutes=90)
    grounded = story.receive("bolivar")
    data = {"kind": states.DO_NOT_DRIVE, "is_over": False, "is_own": False, "details": []}
    story.tell("bolivar", events.VISIT_REPORTED, VALET, grounded, data)
    assert [row.visit_id for row in kit.rows(MoveRow)] == [visit.id]
    story.tell("bolivar", events.VISIT_REPORTED, VALET, grounded, {**data, "is_over": True})
    assert len(kit.rows(MoveRow)) == 2
    change(story, **{RUNNER: {"licences": ("large",)}, OTHER_RUNNER: {"may_drive": False}})
    replan_district(story.database, story.config, story.now)
    given = {row.visit_id: row.runner_id for row in kit.rows(MoveRow)}
    assert given == {visit.id: None, grounded.id: RUNNER}


def test_a_booked_car_is_parked_first_and_promised_for_its_time(
    kit: CloudKit, story: Story
) -> None:
    wanted = story.now + timedelta(hours=2)
    visit = story.receive("herrera").request("herrera", wanted)
    move = kit.one(MoveRow)
    assert (move.kind, move.why) == (states.PARK, WHY_NEAREST)
    assert kit.one(PromiseRow).ready_from >= wanted
    assert move.sent_at == story.now
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    back = next(row for row in kit.rows(MoveRow) if row.state == "open")
    assert (back.kind, back.to_place_id) == (states.RETRIEVE, "herrera")
    assert back.planned_done_at is not None
    assert timedelta() <= wanted - back.planned_done_at <= timedelta(minutes=5)


def test_a_promise_that_a_closure_breaks_says_so(kit: CloudKit, story: Story) -> None:
    visit = story.receive("herrera").take("lote-norte")
    story.wait(minutes=6)
    visit.park().request("bolivar")
    shut = districts.Closure(
        "obra", "Obra", place_id="bolivar", from_at=story.now,
        until_at=story.now + timedelta(hours=1),
    )  # fmt: skip
    change(story, closures=(shut,))
    story.wait(seconds=5)
    assert replan_district(story.database, story.config, story.now)
    assert [row.why for row in kit.rows(MoveRow) if row.state == "open"] == [WHY_CLOSURE]
    assert [row.reason for row in kit.rows(PromiseRow)] == [promises.FIRST, promises.CLOSURE]


def test_a_runner_on_the_way_is_known_to_be(story: Story) -> None:
    story.receive("herrera")
    story.wait(minutes=2)
    under_way = {each.id: each for each in seen(story).runners if each.sent_to is not None}
    (person,) = under_way.values()
    assert (person.place_id, person.sent_to) == ("lote-norte", "herrera")
    assert person.there_at == story.now + timedelta(minutes=2)
    story.tell("herrera", events.SHIFT_SIGNED_ON, person.id)
    assert all(each.sent_to is None for each in seen(story).runners)


def test_runners_without_a_car_are_told_where_the_next_one_is_expected(
    kit: CloudKit, story: Story
) -> None:
    for _ in range(6):
        visit = story.receive("francia").take("lote-sur")
        story.wait(minutes=1)
        visit.park()
    story.wait(minutes=10)
    forecasts = Forecasts()
    assert replan_district(story.database, story.config, story.now, forecasts)
    waits = {row.id: row.wait_place_id for row in kit.rows(PersonRow) if row.wait_place_id}
    # Six cars in half an hour at one booth: more are expected there, and that somebody wants one.
    assert waits == {RUNNER: "lote-sur", OTHER_RUNNER: "francia"}
    versions = {row.id: row.version for row in kit.rows(PersonRow)}
    told = story.database.read(lambda session: news(session, KEY, 0, 100)).changes
    people = {each["id"]: each["body"] for each in told if each["kind"] == "person"}
    assert people[OTHER_RUNNER]["wait_place_id"] == "francia"
    story.wait(seconds=5)
    assert not replan_district(story.database, story.config, story.now, forecasts)
    assert {row.id: row.version for row in kit.rows(PersonRow)} == versions
    # Nobody comes any more: in the end nobody is to wait anywhere.
    story.wait(minutes=90)
    replan_district(story.database, story.config, story.now, Forecasts())
    assert "francia" not in {row.wait_place_id for row in kit.rows(PersonRow)}


def test_a_car_is_given_to_somebody_else_when_the_runner_does_not_come(
    kit: CloudKit, story: Story
) -> None:
    story.receive("herrera")
    first = kit.one(MoveRow).runner_id
    for _ in range(3):
        story.wait(minutes=4)
        replan_district(story.database, story.config, story.now)
        assert kit.one(MoveRow).runner_id == first
    # The way takes four minutes, and ten more have passed.
    story.wait(minutes=3)
    assert replan_district(story.database, story.config, story.now)
    move = kit.one(MoveRow)
    assert move.runner_id not in (None, first)
    assert move.sent_at == story.now


def test_a_booked_car_that_nobody_parked_stays_when_its_time_is_near_and_that_is_news(
    kit: CloudKit, story: Story
) -> None:
    for person in (RUNNER, OTHER_RUNNER):
        story.tell("lote-norte", events.SHIFT_SIGNED_OFF, person)
    visit = story.receive("herrera").request("herrera", story.now + timedelta(minutes=30))
    assert kit.one(MoveRow).kind == states.PARK
    version = visit.row().version
    story.wait(minutes=20)
    assert replan_district(story.database, story.config, story.now)
    assert kit.count(MoveRow) == 0
    assert visit.row().version > version
