"""The planner that looks ahead: what it does that first come, first served does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas import states
from server.dispatch import first_come, planner
from server.dispatch.plan import (
    WHY_BOOKED,
    WHY_BREAK,
    WHY_CLOSURE,
    WHY_FIRST_BACK,
    WHY_NEAREST,
    WHY_ON_THE_WAY,
    Job,
)
from server.dispatch.replan import routes_of
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import BlockingRow, Booth, Expected, Parked, Shut, Snapshot
from tests.snapshots import NOW, at, park, retrieve, runner, snapshot, window


def plan(seen: Snapshot) -> list[Job]:
    """What the planner lets people do."""
    return list(planner.plan(seen).jobs)


def test_nobody_at_work_or_nothing_to_drive_gives_no_plan() -> None:
    assert plan(snapshot([], [park("a")])) == []
    assert plan(snapshot([runner("ana")], [])) == []


def test_a_full_lot_takes_no_car_and_the_rest_is_planned() -> None:
    jobs = plan(snapshot([runner("ana")], [park("a"), retrieve("b")], {"norte": 0, "sur": 0}))
    assert [job.visit_id for job in jobs] == ["b"]


def test_a_car_is_parked_where_another_one_is_fetched() -> None:
    people = [runner("ana", "bolivar"), runner("teo", "herrera")]
    moves = [
        park("p1", "bolivar", known=-4),
        retrieve("r1", "sur", "herrera", known=-3, due=20),
        park("p2", "herrera", known=-2),
        retrieve("r2", "norte", "bolivar", known=-1, due=20),
    ]
    jobs = {job.visit_id: job for job in plan(snapshot(people, moves))}
    assert jobs["p1"].runner_id == jobs["r2"].runner_id
    assert jobs["p2"].runner_id == jobs["r1"].runner_id
    assert jobs["p1"].why == jobs["p2"].why == WHY_NEAREST
    assert jobs["r1"].why == jobs["r2"].why == WHY_ON_THE_WAY
    assert jobs["r2"].start_at == jobs["p1"].done_at


def test_a_driver_who_waits_comes_before_a_car_that_can_stand() -> None:
    moves = [park("stands", "herrera", known=-9, release=-9), retrieve("waits", known=-1)]
    seen = snapshot([runner("ana", "norte")], moves)
    assert [job.visit_id for job in first_come.plan(seen).jobs] == ["stands", "waits"]
    assert [job.visit_id for job in plan(seen)] == ["waits", "stands"]


def test_a_booked_car_is_fetched_no_sooner_than_it_may() -> None:
    booked = retrieve("booked", known=-30, release=25, due=32)
    (job,) = plan(snapshot([runner("ana", "norte")], [booked]))
    assert (job.start_at, job.why) == (at(25), WHY_BOOKED)


def test_who_comes_back_next_to_it_is_sent_rather_than_somebody_far_away() -> None:
    people = [runner("busy", "bolivar", free_in=1), runner("far", "norte")]
    (job,) = plan(snapshot(people, [park("a")]))
    assert (job.runner_id, job.why) == ("busy", WHY_ON_THE_WAY)
    people = [runner("busy", "herrera", free_in=1), runner("far", "norte")]
    (job,) = plan(snapshot(people, [park("a")]))
    assert (job.runner_id, job.why) == ("busy", WHY_FIRST_BACK)
    assert job.start_at == NOW + timedelta(seconds=60 + 90)


def with_plan(seen: Snapshot, **standing: list[str]) -> Snapshot:
    """The same moment with a plan in force."""
    return replace(seen, standing=standing)


def test_somebody_who_drives_is_given_nothing_before_that_drive_ends() -> None:
    busy = runner("busy", "norte", free_in=6, is_driving=True, came_from="herrera")
    (job,) = plan(snapshot([busy], [retrieve("a")]))
    assert (job.leave_at, job.start_at) == (at(6), at(6))
    assert (job.why, job.why_place_id) == (WHY_ON_THE_WAY, "herrera")


@pytest.mark.parametrize(("free_in", "chosen"), [(4.5, "idle"), (9, "under-way")])
def test_somebody_under_way_is_sent_elsewhere_only_for_a_clear_gain(
    free_in: float, chosen: str
) -> None:
    # One minute from Lote Norte on the way to a car there; then another one is wanted in Lote Sur.
    going = runner("under-way", "bolivar", -3, sent_to="norte", there_at=at(1))
    other = runner("idle", "bolivar", free_in=free_in)
    moves = [retrieve("here", "norte", known=-3, due=-3), retrieve("there", "sur", due=-20)]
    seen = with_plan(snapshot([going, other], moves), **{"under-way": ["here"]})
    by_visit = {job.visit_id: job for job in plan(seen)}
    assert by_visit["here"].runner_id == "under-way"
    assert by_visit["there"].runner_id == chosen


def test_a_diversion_costs_what_is_set_and_the_shorter_way() -> None:
    going = runner("a", "bolivar", -3, sent_to="norte", there_at=at(1))
    (job,) = plan(snapshot([going], [retrieve("x", "sur")], divert_s=90))
    # On to Lote Norte in one minute and three more to Lote Sur, and the time it costs to turn.
    assert job.start_at == NOW + timedelta(seconds=60 + 180 + 90)
    (job,) = plan(snapshot([going], [retrieve("x", "norte")], divert_s=90))
    assert (job.leave_at, job.start_at) == (NOW, at(1))


def test_a_plan_in_force_is_kept_unless_another_one_is_clearly_better() -> None:
    moves = [park("a", "bolivar"), park("b", "herrera")]
    people = [runner("ana", "bolivar"), runner("teo", "bolivar")]
    seen = snapshot(people, moves)
    for standing in ({"ana": ["a"], "teo": ["b"]}, {"ana": ["b"], "teo": ["a"]}):
        found = planner.plan(replace(seen, standing=standing))
        assert routes_of(found) == standing
    crossed = snapshot([runner("ana", "bolivar"), runner("teo", "herrera")], moves)
    found = planner.plan(with_plan(crossed, ana=["b"], teo=["a"]))
    assert routes_of(found) == {"ana": ["a"], "teo": ["b"]}


def test_a_drive_waits_until_the_way_is_open_and_others_are_done_meanwhile() -> None:
    shut = [Shut(window(-10, 30), leg=("norte", "bolivar"))]
    moves = [retrieve("shut", known=-20, due=-20), retrieve("open", "sur", "herrera", known=-1)]
    jobs = plan(snapshot([runner("ana", "norte")], moves, shut=shut))
    assert [(job.visit_id, job.why) for job in jobs][1:] == [("shut", WHY_CLOSURE)]
    assert jobs[0].done_at <= at(30) == jobs[1].start_at


def test_a_car_goes_to_another_lot_while_the_way_to_the_nearest_is_shut() -> None:
    shut = [Shut(window(-10, 30), place_id="norte")]
    (job,) = plan(snapshot([runner("ana")], [park("a")], shut=shut))
    assert job.to_place_id == "sur"


def test_a_break_is_taken_in_time_and_the_car_given_to_somebody_else() -> None:
    tired = runner("ana", "norte", breaks=(window(5, 35),))
    (job,) = plan(snapshot([tired], [retrieve("a")]))
    assert (job.start_at, job.why) == (at(35), WHY_BREAK)
    people = [tired, runner("teo", "sur")]
    (job,) = plan(snapshot(people, [retrieve("a")]))
    assert (job.runner_id, job.start_at) == ("teo", NOW + timedelta(seconds=180))


def test_the_kerb_that_overflows_is_emptied_first() -> None:
    moves = [park("quiet", "herrera", known=-9), park("full", "bolivar", known=-1)]
    booths = {"herrera": Booth(6, 30, 1), "bolivar": Booth(2, 30, 4)}
    seen = snapshot([runner("ana", "norte")], moves, booths=booths)
    assert [job.visit_id for job in plan(seen)] == ["full", "quiet"]
    turned = replace(seen, booths={"herrera": booths["bolivar"], "bolivar": booths["herrera"]})
    assert [job.visit_id for job in plan(turned)] == ["quiet", "full"]


def test_few_hooks_make_a_kerb_small_too() -> None:
    assert Booth(6, 2).room == 2
    assert Booth(0, 2).room == 2
    assert Booth(3).room == 3
    assert Booth(0).room == 0


def test_a_promise_that_is_about_to_break_comes_before_one_that_is_not() -> None:
    first = retrieve("first", "norte", "bolivar", known=-10, due=-10, promised_by=at(30))
    second = retrieve("second", "norte", "herrera", known=-9, due=-9, promised_by=at(7))
    people = [runner("ana", "norte")]
    assert [job.visit_id for job in plan(snapshot(people, [first, second]))] == ["second", "first"]
    first, second = replace(first, promised_by=at(6)), replace(second, promised_by=at(30))
    assert [job.visit_id for job in plan(snapshot(people, [first, second]))] == ["first", "second"]


def test_a_car_that_blocks_another_one_costs_its_time() -> None:
    row = BlockingRow(("A1", "A2"), {"A1": Parked("front"), "A2": Parked("back")})
    seen = snapshot([runner("ana", "norte")], [retrieve("back", stall="A2")], rows={"norte": [row]})
    (job,) = plan(seen)
    assert list(job.blocked_by) == ["front"]
    assert job.done_at == NOW + timedelta(seconds=300 + 60 + seen.shuffle_s)


def test_rows_are_filled_so_that_who_leaves_first_stands_at_the_exit() -> None:
    rows = [BlockingRow(("A1", "A2", "A3"), {"A3": Parked("x", at(100))})]
    rows.append(BlockingRow(("B1", "B2"), {"B2": Parked("y", at(40))}))
    moves = [
        park("soon", known=-3, leaves_at=at(30)),
        park("later", known=-2, leaves_at=at(90)),
        park("latest", known=-1, leaves_at=at(200)),
    ]
    seen = snapshot([runner("ana")], moves, {"norte": 5, "sur": 0}, rows={"norte": rows})
    assert {job.visit_id: job.to_stall for job in plan(seen)} == {
        "soon": "B1",
        "later": "A2",
        "latest": "A1",
    }


def test_who_has_nothing_to_do_waits_where_work_is_expected() -> None:
    people = [runner("ana", "norte"), runner("teo", "bolivar")]
    expected = [Expected(states.PARK, "herrera", "norte", at(4))]
    found = planner.plan(snapshot(people, [retrieve("a")], expected=expected))
    assert [(job.visit_id, job.runner_id) for job in found.jobs] == [("a", "ana")]
    assert dict(found.waits) == {"teo": "herrera"}


def test_the_seconds_only_guard() -> None:
    moves = [park(f"p{number}") for number in range(6)] + [retrieve(f"r{n}") for n in range(6)]
    seen = snapshot([runner("ana"), runner("teo", "norte")], moves)
    ticks = iter(range(10**9))
    cut = planner.plan(seen, 1, Budget(50, 3.0, lambda: float(next(ticks))))
    assert cut.is_cut
    assert len(cut.jobs) == 12
    assert not planner.plan(seen, 1, Budget(5)).is_cut


def test_a_search_is_better_than_the_yardstick_where_drives_can_be_paired() -> None:
    moves = [park(f"p{n}", "bolivar" if n % 2 else "herrera", known=-n) for n in range(6)]
    moves += [retrieve(f"r{n}", "norte" if n % 2 else "sur", known=-n, due=-n) for n in range(6)]
    found = planner.plan(snapshot([runner("ana"), runner("teo", "herrera")], moves))
    assert found.cost < 0.9 * found.baseline_cost
    assert found.policy == planner.POLICY
