"""What must hold of the looking-ahead planner's jobs in every district."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from server.dispatch.first_come import plan as first_come
from server.dispatch.route_problem import Prices
from server.dispatch.route_search import Budget
from server.dispatch.sequence import Aims, plan
from server.dispatch.snapshot import Job, Snapshot
from tests.property.test_first_come import in_order_of, snapshots
from tests.snapshots import HANDLING_S, NOW, snapshot

AIMS = Aims(budget=Budget(rounds=10))


@given(snapshots())
@settings(max_examples=50)
def test_a_plan_can_be_driven(seen: Snapshot) -> None:
    jobs = plan(seen, AIMS)
    wanted = {move.visit_id: move for move in seen.moves}
    assert len({job.visit_id for job in jobs}) == len(jobs)
    for person in seen.runners:
        place_id, free_at = person.place_id, max(person.free_at, seen.now)
        for job in in_order_of(jobs, person.id):
            move = wanted[job.visit_id]
            assert (job.kind, job.from_place_id) == (move.kind, move.from_place_id)
            assert move.to_place_id in (None, job.to_place_id)
            way_s = seen.between(place_id, job.from_place_id).empty_s
            assert job.start_at == max(free_at + timedelta(seconds=way_s), move.release_at)
            drive_s = seen.between(job.from_place_id, job.to_place_id).drive_s
            assert job.done_at - job.start_at == timedelta(seconds=drive_s + HANDLING_S)
            place_id, free_at = job.to_place_id, job.done_at


@given(snapshots())
@settings(max_examples=50)
def test_it_drives_the_cars_that_the_yardstick_drives_to_the_same_places(seen: Snapshot) -> None:
    def where(jobs: list[Job]) -> dict[str, str]:
        return {job.visit_id: job.to_place_id for job in jobs}

    assert where(list(plan(seen, AIMS))) == where(list(first_come(seen)))


@given(snapshots())
@settings(max_examples=50)
def test_nobody_waits_longer_in_sum_than_with_the_yardstick(seen: Snapshot) -> None:
    waits = Prices(late=1, early=0, park_wait=1, kerb=0, empty=0, impatience=0)
    due = {move.visit_id: move.due_at for move in seen.moves}

    def waiting_s(jobs: list[Job]) -> float:
        total = 0.0
        for job in jobs:
            at = due[job.visit_id]
            total += (
                (job.start_at - NOW).total_seconds()
                if at is None
                else max(0.0, (job.done_at - at).total_seconds())
            )
        return total

    jobs = list(plan(seen, Aims(prices=waits, budget=Budget(rounds=10))))
    assert waiting_s(jobs) <= waiting_s(list(first_come(seen))) + 1e-3


@given(snapshots(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_same_snapshot_gives_the_same_plan_however_its_lists_are_ordered(
    seen: Snapshot,
    random: st.randoms,  # type: ignore[valid-type]
) -> None:
    people, moves = list(seen.runners), list(seen.moves)
    random.shuffle(people)  # type: ignore[attr-defined]
    random.shuffle(moves)  # type: ignore[attr-defined]
    assert plan(snapshot(people, moves, seen.free_stalls), AIMS) == plan(seen, AIMS)
