"""What must hold of the live planner's plans in every district and on every evening."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import states
from server.dispatch import first_come, planner
from server.dispatch.plan import WHYS, Job, Plan
from server.dispatch.replan import routes_of
from server.dispatch.route_model import Aims
from server.dispatch.route_problem import Prices
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import BlockingRow, Booth, Parked, Runner, Shut, Snapshot, WantedMove
from tests.property.test_first_come import in_order_of, snapshots
from tests.snapshots import HANDLING_S, NOW, at, park, retrieve, runner, snapshot, window

SEARCH = Budget(rounds=10)
SHUFFLE_S = 150
BOOTHS, LOTS, PLACES = ("bolivar", "herrera"), ("norte", "sur"), ("bolivar", "herrera", "norte")
KINDS = frozenset({"manual", "large"})
# Lot Norte has two rows of three, one behind the other.
ROWS = (("A1", "A2", "A3"), ("B1", "B2", "B3"))


def a_window(draw: st.DrawFn) -> Any:
    begin = draw(st.integers(-30, 60))
    return window(begin, begin + draw(st.integers(1, 60)))


@st.composite
def evenings(draw: st.DrawFn) -> Snapshot:
    """Runners with licences, breaks and ways under way; cars with needs and stalls; closures."""
    people = [_runner(draw, f"runner-{number}") for number in range(draw(st.integers(0, 4)))]
    stalls = draw(st.permutations([stall for row in ROWS for stall in row]))
    moves, cars = [], {}
    for number in range(draw(st.integers(0, 9))):
        visit_id, needs = f"visit-{number:02d}", draw(st.sets(st.sampled_from(sorted(KINDS))))
        facts: dict[str, Any] = {"known": draw(st.integers(-60, 0)), "needs": frozenset(needs)}
        if draw(st.booleans()):
            leaves_at = draw(st.none() | st.integers(10, 200).map(at))
            moves.append(
                park(visit_id, draw(st.sampled_from(BOOTHS)), leaves_at=leaves_at, **facts)
            )
            continue
        facts["release"] = draw(st.integers(-30, 60))
        if draw(st.booleans()):
            facts["promised_by"] = at(draw(st.integers(-10, 60)))
        stall = stalls[number] if number < len(stalls) and draw(st.booleans()) else None
        lot = "norte" if stall is not None else draw(st.sampled_from(LOTS))
        if stall is not None:
            cars[stall] = Parked(visit_id, None)
        moves.append(retrieve(visit_id, lot, draw(st.sampled_from(BOOTHS)), stall=stall, **facts))
    rows = [BlockingRow(row, {name: cars[name] for name in row if name in cars}) for row in ROWS]
    return snapshot(
        draw(st.permutations(people)),
        draw(st.permutations(moves)),
        {"norte": draw(st.integers(-1, 6 - len(cars))), "sur": draw(st.integers(-1, 4))},
        rows={"norte": rows},
        booths={
            booth: Booth(draw(st.integers(0, 3)), 9, draw(st.integers(0, 5))) for booth in BOOTHS
        },
        shut=[_closure(draw) for _ in range(draw(st.integers(0, 2)))],
        shuffle_s=SHUFFLE_S,
    )


def _runner(draw: st.DrawFn, name: str) -> Runner:
    facts: dict[str, Any] = {"licences": frozenset(draw(st.sets(st.sampled_from(sorted(KINDS)))))}
    if draw(st.booleans()):
        facts["breaks"] = (a_window(draw),)
    place = draw(st.sampled_from(PLACES))
    if draw(st.booleans()):
        return runner(name, place, draw(st.integers(0, 20)), is_driving=True, **facts)
    if draw(st.booleans()):
        there_at = at(draw(st.integers(0, 6)))
        facts |= {"sent_to": draw(st.sampled_from(PLACES)), "there_at": there_at}
        return runner(name, place, -draw(st.integers(0, 5)), **facts)
    return runner(name, place, 0, **facts)


def _closure(draw: st.DrawFn) -> Shut:
    if draw(st.booleans()):
        return Shut(a_window(draw), place_id=draw(st.sampled_from((*BOOTHS, *LOTS))))
    leg = draw(st.sampled_from(BOOTHS)), draw(st.sampled_from(LOTS))
    return Shut(a_window(draw), leg=leg if draw(st.booleans()) else leg[::-1])


def plans_of(seen: Snapshot) -> list[Plan]:
    """The same evening planned at once, by the search, and by the yardstick."""
    at_once = planner.plan(seen, 1, planner.AT_ONCE)
    return [at_once, planner.plan(seen, 1, SEARCH), first_come.plan(seen)]


@given(evenings())
@settings(max_examples=40, deadline=None)
def test_no_runner_or_car_is_given_twice_and_every_drive_can_be_driven(seen: Snapshot) -> None:
    wanted = {move.visit_id: move for move in seen.moves}
    for plan in plans_of(seen):
        assert max(Counter(job.visit_id for job in plan.jobs).values(), default=0) <= 1
        for person in seen.runners:
            place_id, free_at = person.place_id, max(person.free_at, seen.now)
            for number, job in enumerate(in_order_of(plan.jobs, person.id)):
                move = wanted[job.visit_id]
                assert job.start_at >= max(free_at, move.release_at)
                assert job.leave_at is not None
                assert free_at <= job.leave_at <= job.start_at
                if number > 0 or person.sent_to is None:
                    way_s = seen.between(place_id, job.from_place_id).empty_s
                    assert job.start_at >= free_at + timedelta(seconds=way_s)
                drive_s = seen.between(job.from_place_id, job.to_place_id).drive_s
                taken_s = drive_s + HANDLING_S + SHUFFLE_S * len(job.blocked_by)
                assert job.done_at - job.start_at == timedelta(seconds=taken_s)
                assert (job.kind, job.from_place_id) == (move.kind, move.from_place_id)
                assert move.to_place_id in (None, job.to_place_id)
                assert job.why in WHYS
                place_id, free_at = job.to_place_id, job.done_at


@given(evenings())
@settings(max_examples=40, deadline=None)
def test_nobody_drives_where_it_is_shut_on_a_break_or_without_the_licence(seen: Snapshot) -> None:
    wanted = {move.visit_id: move for move in seen.moves}
    people = {person.id: person for person in seen.runners}
    for plan in plans_of(seen):
        for job in plan.jobs:
            person, move = people[job.runner_id], wanted[job.visit_id]
            assert move.needs <= person.licences
            for each in seen.shut:
                if each.place_id in (job.from_place_id, job.to_place_id) or each.leg == (
                    job.from_place_id,
                    job.to_place_id,
                ):
                    assert not _overlap(job, each.window.from_at, each.window.until_at)
            for pause in person.breaks:
                assert not _overlap(job, pause.from_at, pause.until_at)


def _overlap(job: Job, begin: Any, end: Any) -> bool:
    return bool(job.start_at < end and job.done_at > begin)


@given(evenings())
@settings(max_examples=40, deadline=None)
def test_no_lot_is_overfilled_no_stall_given_twice_and_blocking_cars_cost_time(
    seen: Snapshot,
) -> None:
    moves = {move.visit_id: move for move in seen.moves}
    rows = seen.rows["norte"]
    standing = {stall for row in rows for stall in row.cars}
    for plan in plans_of(seen):
        parks = [job for job in plan.jobs if job.kind == states.PARK]
        for lot, count in Counter(job.to_place_id for job in parks).items():
            assert count <= max(0, seen.free_stalls[lot])
        chosen = [job.to_stall for job in parks if job.to_stall is not None]
        assert len(set(chosen)) == len(chosen)
        assert not standing & set(chosen)
        for job in plan.jobs:
            stall = moves[job.visit_id].stall
            row = next((row for row in rows if stall in row.stalls), None)
            if row is None:
                assert list(job.blocked_by) == []
            else:
                before = list(row.stalls)[: list(row.stalls).index(stall or "")]
                assert len(job.blocked_by) == sum(name in row.cars for name in before)


@given(evenings(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_planning_twice_gives_the_same_plan_however_lists_are_ordered(
    seen: Snapshot,
    random: st.randoms,  # type: ignore[valid-type]
) -> None:
    people, moves = list(seen.runners), list(seen.moves)
    random.shuffle(people)  # type: ignore[attr-defined]
    random.shuffle(moves)  # type: ignore[attr-defined]
    again = replace(seen, runners=people, moves=moves)
    assert planner.plan(again, 1, SEARCH) == planner.plan(seen, 1, SEARCH)


@given(evenings())
@settings(max_examples=40, deadline=None)
def test_a_plan_is_never_dearer_than_the_yardstick_and_a_complete_one_is_not_changed(
    seen: Snapshot,
) -> None:
    plan = planner.plan(seen, 1, SEARCH)
    assert plan.cost <= plan.baseline_cost + 1e-6
    again = planner.plan(replace(seen, standing=routes_of(plan)), 1, planner.AT_ONCE)
    assert routes_of(again) == routes_of(plan)
    assert again.jobs == plan.jobs


@given(evenings())
@settings(max_examples=25, deadline=None)
def test_it_drives_the_cars_that_the_yardstick_drives_to_the_same_places(seen: Snapshot) -> None:
    at_once, found, yardstick = (
        {job.visit_id: (job.to_place_id, job.to_stall) for job in plan.jobs}
        for plan in plans_of(seen)
    )
    assert at_once == found == yardstick


@given(evenings())
@settings(max_examples=25, deadline=None)
def test_whoever_waits_for_a_planned_car_has_an_estimate(seen: Snapshot) -> None:
    for plan in plans_of(seen):
        brought = {job.visit_id: job.done_at for job in plan.jobs if job.kind == states.RETRIEVE}
        assert dict(plan.ready) == brought


@given(snapshots())
@settings(max_examples=40, deadline=None)
def test_nobody_waits_longer_in_sum_than_with_the_yardstick(seen: Snapshot) -> None:
    waits = Prices(late=1, early=0, park_wait=1, kerb=0, empty=0, impatience=0)
    due = {move.visit_id: move.due_at for move in seen.moves}

    def waiting_s(jobs: Any) -> float:
        total = 0.0
        for job in jobs:
            wanted_at = due[job.visit_id]
            total += (
                (job.start_at - NOW).total_seconds()
                if wanted_at is None
                else max(0.0, (job.done_at - wanted_at).total_seconds())
            )
        return total

    aims = Aims(prices=waits, booked_weight=1.0)
    jobs = planner.plan(seen, 1, SEARCH, aims).jobs
    assert waiting_s(jobs) <= waiting_s(first_come.plan(seen).jobs) + 1e-3


@given(st.integers(2, 8), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_who_asked_first_is_served_first_of_those_who_want_the_same(
    cars: int, runners: int
) -> None:
    people = [runner(f"runner-{number}", "norte") for number in range(runners)]
    moves: list[WantedMove] = [
        retrieve(f"visit-{number}", known=-(number * 7 % cars), due=-(number * 7 % cars))
        for number in range(cars)
    ]
    plan = planner.plan(snapshot(people, moves), 1, SEARCH)
    asked = {move.visit_id: (move.known_at, move.visit_id) for move in moves}
    in_time = sorted(plan.jobs, key=lambda job: (job.start_at, asked[job.visit_id]))
    tickets = [asked[job.visit_id][0] for job in in_time]
    assert tickets == sorted(tickets)
