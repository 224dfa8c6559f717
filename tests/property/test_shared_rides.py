"""What must hold of every plan in which runners ride along with each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from server.dispatch import planner
from server.dispatch.plan import Plan
from server.dispatch.replan import rides_of
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import NO_RIDES, Riding, Snapshot, Travel
from tests.property.test_first_come import in_order_of
from tests.property.test_planner import evenings
from tests.snapshots import BOTH_WAYS, at, park, retrieve, runner, snapshot

SEARCH = Budget(rounds=5)
# Who has no car walks: five times as long as driving.
ON_FOOT = {way: Travel(leg.drive_s, 5 * leg.drive_s) for way, leg in BOTH_WAYS.items()}


@st.composite
def walkers(draw: st.DrawFn) -> Snapshot:
    """Any evening whose runners walk, with all kinds of rules for rides."""
    rules = Riding(draw(st.integers(1, 3)), draw(st.sampled_from([0, 60, 300])), 60)
    return replace(draw(evenings()), travel=ON_FOOT, riding=rules)


def crowd(seats: int = 2, runners: int = 4) -> Snapshot:
    """Everybody stands at Lote Norte, one car of which is wanted at Bolívar: there the others are
    needed."""
    moves = [retrieve("wanted", "norte", "bolivar", known=-30, due=-30)]
    moves += [park(f"waits-{number}", known=-30, release=-30) for number in range(runners)]
    people = [runner(f"runner-{number}", "norte") for number in range(runners)]
    return replace(snapshot(people, moves), travel=ON_FOOT, riding=Riding(seats, 0, 60))


def test_runners_who_stand_where_a_car_leaves_go_along_as_far_as_there_are_seats() -> None:
    for seats in (1, 2, 3):
        plan = planner.plan(crowd(seats), 1, SEARCH)
        assert Counter(ride.visit_id for ride in plan.rides) == {"wanted": seats}
        alone = planner.plan(replace(crowd(seats), riding=NO_RIDES), 1, SEARCH)
        assert plan.cost < alone.cost
        assert not alone.rides


def test_who_was_told_to_go_along_still_is_when_it_is_planned_again() -> None:
    plan = planner.plan(crowd(1), 1, SEARCH)
    (ride,) = plan.rides
    others = {f"runner-{number}" for number in range(4)} - {ride.passenger_id, ride.driver_id}
    for other in sorted(others):
        told = replace(crowd(1), rides={other: "wanted"}, standing=_routes(plan))
        (again,) = planner.plan(told, 1, planner.AT_ONCE).rides
        assert again.passenger_id == other


def _routes(plan: Plan) -> dict[str, list[str]]:
    routes: dict[str, list[str]] = {}
    for job in plan.jobs:
        routes.setdefault(job.runner_id, []).append(job.visit_id)
    return routes


def test_nobody_goes_along_who_is_on_a_way_or_has_perhaps_left() -> None:
    people = [
        runner("driver", "norte"),
        runner("gone", "norte", sent_to="bolivar", there_at=at(20)),
        runner("away", "norte", is_away=True),
    ]
    plan = planner.plan(replace(crowd(), runners=people), 1, SEARCH)
    assert not {ride.passenger_id for ride in plan.rides} & {"gone"}
    assert not {ride.passenger_id for ride in plan.rides if ride.start_at == at(0)} & {"away"}


@given(walkers())
@settings(max_examples=40, deadline=None)
def test_a_passenger_is_where_the_car_leaves_and_drives_on_only_when_it_has_arrived(
    seen: Snapshot,
) -> None:
    plan = planner.plan(seen, 1, SEARCH)
    jobs = {job.visit_id: job for job in plan.jobs}
    assert len(jobs) == len(plan.jobs)
    seats = Counter(ride.visit_id for ride in plan.rides)
    assert max(seats.values(), default=0) <= seen.riding.seats
    for ride in plan.rides:
        job = jobs[ride.visit_id]
        assert ride.driver_id == job.runner_id != ride.passenger_id
        assert (ride.start_at, ride.done_at) == (job.start_at, job.done_at)
        assert (ride.from_place_id, ride.to_place_id) == (job.from_place_id, job.to_place_id)
        own = in_order_of(plan.jobs, ride.passenger_id)
        person = next(each for each in seen.runners if each.id == ride.passenger_id)
        before = [each for each in own if each.done_at <= ride.start_at]
        place_id, free_at = person.place_id, max(seen.now, person.free_at)
        if before:
            place_id, free_at = before[-1].to_place_id, before[-1].done_at
        assert place_id == ride.from_place_id
        assert free_at <= ride.start_at
        after = [each for each in own if each.done_at > ride.start_at]
        assert after
        assert after[0].rides_in == ride.visit_id
        way_s = seen.between(ride.to_place_id, after[0].from_place_id).empty_s
        assert after[0].start_at >= ride.done_at + timedelta(seconds=way_s)
        for pause in person.breaks:
            assert not (pause.from_at < ride.done_at and pause.until_at > ride.start_at)


@given(walkers())
@settings(max_examples=30, deadline=None)
def test_rides_never_make_a_plan_dearer_and_the_same_evening_gives_the_same_plan(
    seen: Snapshot,
) -> None:
    plan = planner.plan(seen, 1, SEARCH)
    assert plan.cost <= planner.plan(replace(seen, riding=NO_RIDES), 1, SEARCH).cost + 1e-6
    assert plan == planner.plan(seen, 1, SEARCH)
    assert set(rides_of(plan)) == {ride.passenger_id for ride in plan.rides}
