"""What must hold of the yardstick's plan in every district and on every evening."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas import states
from server.dispatch import first_come
from server.dispatch.plan import Job
from server.dispatch.snapshot import Snapshot
from tests.snapshots import HANDLING_S, NOW, PLACES, park, retrieve, runner, snapshot


def plan(seen: Snapshot) -> list[Job]:
    """The yardstick's jobs."""
    return list(first_come.plan(seen).jobs)


PLACE = st.sampled_from(PLACES)
BOOTH = st.sampled_from(("bolivar", "herrera"))
LOT = st.sampled_from(("norte", "sur"))
PAST = st.integers(-90, 0)
TIME = st.integers(-30, 90)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Up to five runners and a dozen moves."""
    people = [
        runner(f"runner-{number}", draw(PLACE), draw(st.integers(-10, 30)))
        for number in range(draw(st.integers(0, 5)))
    ]
    moves = [
        park(f"visit-{number:02d}", draw(BOOTH), known=draw(PAST), release=draw(TIME))
        if draw(st.booleans())
        else retrieve(
            f"visit-{number:02d}", draw(LOT), draw(BOOTH), known=draw(PAST), release=draw(TIME)
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    stalls = {"norte": draw(st.integers(-1, 4)), "sur": draw(st.integers(-1, 4))}
    return snapshot(draw(st.permutations(people)), draw(st.permutations(moves)), stalls)


def in_order_of(jobs: Sequence[Job], runner_id: str) -> list[Job]:
    """What one runner does, in time."""
    return sorted((job for job in jobs if job.runner_id == runner_id), key=lambda job: job.start_at)


@given(snapshots())
def test_no_runner_is_at_two_places_at_once(seen: Snapshot) -> None:
    jobs = plan(seen)
    for person in seen.runners:
        place_id, free_at = person.place_id, max(person.free_at, seen.now)
        for job in in_order_of(jobs, person.id):
            on_the_way = seen.between(place_id, job.from_place_id).empty_s
            assert job.start_at >= free_at + timedelta(seconds=on_the_way)
            place_id, free_at = job.to_place_id, job.done_at


@given(snapshots())
def test_every_move_is_given_out_at_most_once_and_to_somebody_who_is_there(seen: Snapshot) -> None:
    jobs = plan(seen)
    wanted = {move.visit_id: move for move in seen.moves}
    assert max(Counter(job.visit_id for job in jobs).values(), default=0) <= 1
    for job in jobs:
        move = wanted[job.visit_id]
        assert (job.kind, job.from_place_id) == (move.kind, move.from_place_id)
        assert move.to_place_id in (None, job.to_place_id)
        assert job.runner_id in {person.id for person in seen.runners}


@given(snapshots())
def test_no_lot_is_given_more_cars_than_it_has_room(seen: Snapshot) -> None:
    sent = Counter(job.to_place_id for job in plan(seen) if job.kind == states.PARK)
    for lot, count in sent.items():
        assert count <= max(0, seen.free_stalls[lot])


@given(snapshots())
def test_nothing_starts_before_now_or_before_its_release(seen: Snapshot) -> None:
    release = {move.visit_id: move.release_at for move in seen.moves}
    for job in plan(seen):
        assert job.start_at >= max(NOW, release[job.visit_id])
        drive_s = seen.between(job.from_place_id, job.to_place_id).drive_s
        assert job.done_at - job.start_at == timedelta(seconds=drive_s + HANDLING_S)


@given(snapshots(), st.randoms(use_true_random=False))
def test_the_same_snapshot_gives_the_same_plan_however_its_lists_are_ordered(
    seen: Snapshot,
    random: st.randoms,  # type: ignore[valid-type]
) -> None:
    people, moves = list(seen.runners), list(seen.moves)
    random.shuffle(people)  # type: ignore[attr-defined]
    random.shuffle(moves)  # type: ignore[attr-defined]
    assert plan(snapshot(people, moves, seen.free_stalls)) == plan(seen)


@given(snapshots())
def test_every_move_that_has_somewhere_to_go_is_planned_once_somebody_works(seen: Snapshot) -> None:
    planned = {job.visit_id for job in plan(seen)}
    retrieves = {move.visit_id for move in seen.moves if move.to_place_id is not None}
    parks = {move.visit_id for move in seen.moves} - retrieves
    room = sum(max(0, free) for free in seen.free_stalls.values())
    if not seen.runners:
        assert planned == set()
    else:
        assert retrieves <= planned
        assert len(parks & planned) == min(len(parks), room)


@given(snapshots())
def test_whoever_can_be_there_first_gets_the_next_move(seen: Snapshot) -> None:
    jobs = {job.visit_id: job for job in plan(seen)}
    places = {person.id: person.place_id for person in seen.runners}
    free = {person.id: max(person.free_at, NOW) for person in seen.runners}

    def arrival(person_id: str, place_id: str) -> datetime:
        way_s = seen.between(places[person_id], place_id).empty_s
        return free[person_id] + timedelta(seconds=way_s)

    in_turn = sorted(
        (move for move in seen.moves if move.visit_id in jobs),
        key=lambda move: (max(move.known_at, move.release_at), move.known_at, move.visit_id),
    )
    for move in in_turn:
        job = jobs[move.visit_id]
        soonest = min(arrival(person.id, move.from_place_id) for person in seen.runners)
        assert arrival(job.runner_id, move.from_place_id) == soonest
        places[job.runner_id], free[job.runner_id] = job.to_place_id, job.done_at
