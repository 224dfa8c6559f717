"""First come, first served, to whoever can be there first."""

from __future__ import annotations

from datetime import timedelta

from server.dispatch import first_come
from server.dispatch.plan import WHY_NEAREST, WHY_ON_THE_WAY, Job
from server.dispatch.snapshot import Snapshot
from tests.snapshots import NOW, at, park, retrieve, runner, snapshot


def plan(seen: Snapshot) -> list[Job]:
    """What first come, first served lets people do."""
    return list(first_come.plan(seen).jobs)


def test_nobody_at_work_gives_no_plan() -> None:
    assert plan(snapshot([], [park("a")])) == []


def test_one_move_goes_to_the_nearer_of_two_free_runners() -> None:
    (job,) = plan(snapshot([runner("near", "herrera"), runner("far", "norte")], [park("a")]))
    assert (job.runner_id, job.why) == ("near", WHY_NEAREST)
    # 90 s on foot to Bolívar, then 300 s of driving and 60 s of handling.
    assert job.start_at == NOW + timedelta(seconds=90)
    assert job.done_at == NOW + timedelta(seconds=90 + 300 + 60)


def test_somebody_who_is_soon_free_next_to_it_beats_a_free_one_far_away() -> None:
    people = [runner("busy", "bolivar", free_in=1), runner("far", "norte")]
    (job,) = plan(snapshot(people, [park("a")]))
    assert (job.runner_id, job.why, job.start_at) == ("busy", WHY_ON_THE_WAY, at(1))


def test_of_two_who_can_be_there_at_once_the_first_by_name_goes() -> None:
    (job,) = plan(snapshot([runner("teo"), runner("ana")], [park("a")]))
    assert job.runner_id == "ana"


def test_whoever_asked_first_is_served_first() -> None:
    late, early = retrieve("late", known=-1), retrieve("early", known=-9)
    jobs = plan(snapshot([runner("ana", "norte")], [late, early]))
    assert [job.visit_id for job in jobs] == ["early", "late"]


def test_a_move_that_may_not_start_yet_waits_its_turn() -> None:
    early = retrieve("early", known=-30, release=30)
    jobs = plan(snapshot([runner("ana", "norte")], [early, park("now", known=-1)]))
    assert [job.visit_id for job in jobs] == ["now", "early"]
    assert jobs[1].start_at == at(30)


def test_a_runner_goes_on_from_where_the_last_car_was_left() -> None:
    jobs = plan(snapshot([runner("ana")], [park("out", known=-9), retrieve("back", known=-1)]))
    out, back = jobs
    assert out.to_place_id == back.from_place_id == "norte"
    assert back.start_at == out.done_at


def test_a_car_goes_to_the_nearest_lot_that_has_room() -> None:
    jobs = plan(
        snapshot(
            [runner("ana")], [park("a", known=-2), park("b", known=-1)], {"norte": 1, "sur": 9}
        )
    )
    assert [job.to_place_id for job in jobs] == ["norte", "sur"]


def test_where_all_lots_are_full_a_car_stays_and_the_others_move() -> None:
    jobs = plan(snapshot([runner("ana")], [park("a"), retrieve("b")], {"norte": 0, "sur": -1}))
    assert [job.visit_id for job in jobs] == ["b"]


def test_a_place_that_nobody_measured_is_far() -> None:
    (job,) = plan(snapshot([runner("ana", "francia")], [retrieve("a", "norte", "francia")]))
    assert job.start_at == NOW + timedelta(seconds=600)
    assert job.done_at - job.start_at == timedelta(seconds=660)
