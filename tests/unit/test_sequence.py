"""The planner that looks ahead: what it does that first come, first served does not."""

from __future__ import annotations

from datetime import timedelta

from server.dispatch.first_come import WHY_FIRST_BACK, WHY_NEAREST
from server.dispatch.first_come import plan as first_come
from server.dispatch.sequence import WHY_BOOKED, WHY_ON_THE_WAY, plan
from tests.snapshots import NOW, at, park, retrieve, runner, snapshot


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
    assert [job.visit_id for job in first_come(seen)] == ["stands", "waits"]
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
