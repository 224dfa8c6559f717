"""What must hold of cars that are brought near before anybody asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import states
from server.dispatch import planner
from server.dispatch.plan import WHY_STAGED, Job, Plan
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Booth, Snapshot, Stageable
from tests.property.test_planner import BOOTHS, KINDS, LOTS, evenings
from tests.snapshots import at

_SEARCH = Budget(rounds=3)


@st.composite
def evenings_with_likely_leavers(draw: st.DrawFn) -> Snapshot:
    """Any evening; some cars in the lots are likely to be asked for, some of them are being
    brought near already."""
    seen = draw(evenings())
    cars = [
        Stageable(
            f"stay-{number:02d}",
            draw(st.sampled_from(LOTS)),
            draw(st.sampled_from(BOOTHS)),
            draw(st.floats(0.3, 1.0)),
            frozenset(draw(st.sets(st.sampled_from(sorted(KINDS)), max_size=1))),
        )
        for number in range(draw(st.integers(1, 6)))
    ]
    names = [runner.id for runner in seen.runners]
    given_to: dict[str, list[str]] = {}
    for car in cars:
        if draw(st.booleans()) and names:
            given_to.setdefault(draw(st.sampled_from(names)), []).append(car.visit_id)
    return replace(
        seen,
        booths={name: _with_staging(draw, booth) for name, booth in seen.booths.items()},
        stageable=draw(st.permutations(cars)),
        spare_runners=draw(st.integers(0, 2)),
        standing=given_to,
    )


def _with_staging(draw: st.DrawFn, booth: Booth) -> Booth:
    spaces = draw(st.integers(0, 3))
    facts: dict[str, Any] = {"staging_spaces": spaces, "staged": draw(st.integers(0, spaces))}
    return replace(booth, hooks=draw(st.integers(0, 9)), arrive_at=(at(3),), **facts)


def _staged(plan: Plan) -> list[Job]:
    return [job for job in plan.jobs if job.why == WHY_STAGED]


def _wanted(plan: Plan) -> Sequence[Job]:
    return [job for job in plan.jobs if job.why != WHY_STAGED]


@given(evenings_with_likely_leavers())
@settings(max_examples=25, deadline=None)
def test_nobody_who_waits_is_served_otherwise_because_cars_are_brought_near(seen: Snapshot) -> None:
    for budget in (planner.AT_ONCE, _SEARCH):
        plan = planner.plan(seen, 1, budget)
        without = planner.plan(replace(seen, stageable=()), 1, budget)
        assert _wanted(plan) == without.jobs
        assert plan.ready == without.ready
        assert planner.plan(seen, 1, budget) == plan
        busy = {job.runner_id for job in without.jobs}
        busy |= {person.id for person in seen.runners if person.is_driving}
        staged = _staged(plan)
        assert busy.isdisjoint(job.runner_id for job in staged)
        assert not {job.runner_id for job in staged} & plan.waits.keys()
        assert max(Counter(job.runner_id for job in staged).values(), default=0) <= 1
        assert max(Counter(job.visit_id for job in staged).values(), default=0) <= 1
        # Only who was on the way to such a car already goes on when others should stay idle.
        anew = [job for job in staged if job.visit_id not in seen.standing.get(job.runner_id, ())]
        spare = len(seen.runners) - len(busy) - seen.spare_runners
        assert not anew or len(staged) <= spare


@given(evenings_with_likely_leavers())
@settings(max_examples=25, deadline=None)
def test_no_car_is_brought_where_there_is_no_space_no_hook_or_no_open_way(seen: Snapshot) -> None:
    cars = {car.visit_id: car for car in seen.stageable}
    people = {person.id: person for person in seen.runners}
    staged = _staged(planner.plan(seen, 1, planner.AT_ONCE))
    for name, count in Counter(job.to_place_id for job in staged).items():
        booth = seen.booths[name]
        assert booth.staged + count <= booth.staging_spaces
        keys = booth.standing + len(booth.arrive_at) + booth.staged + count
        assert booth.hooks == 0 or keys <= booth.hooks
    for job in staged:
        car, person = cars[job.visit_id], people[job.runner_id]
        assert (job.kind, job.blocked_by) == (states.RELOCATE, ())
        assert (job.from_place_id, job.to_place_id) == (car.lot_id, car.booth_id)
        assert car.needs <= person.licences
        for window in person.breaks:
            assert job.done_at <= window.from_at or job.start_at >= window.until_at
        for each in seen.shut:
            if each.stops(car.lot_id, car.booth_id):
                assert job.done_at <= each.window.from_at or job.start_at >= each.window.until_at


@given(evenings_with_likely_leavers())
@settings(max_examples=12, deadline=None)
def test_whoever_goes_for_a_car_already_goes_on_if_nobody_needs_them(seen: Snapshot) -> None:
    spacious = {
        name: replace(booth, staging_spaces=50, staged=0, hooks=0)
        for name, booth in seen.booths.items()
    }
    seen = replace(seen, booths=spacious, shut=(), spare_runners=len(seen.runners))
    plan = planner.plan(seen, 1, planner.AT_ONCE)
    busy = {job.runner_id for job in _wanted(plan)}
    for person in seen.runners:
        to_bring = seen.standing.get(person.id, ())
        mine = [car for car in seen.stageable if car.visit_id in to_bring]
        if person.id in busy or person.is_driving or person.breaks:
            continue
        may = [car.visit_id for car in mine if car.needs <= person.licences]
        done = [job.visit_id for job in _staged(plan) if job.runner_id == person.id]
        assert len(done) == min(1, len(may))
        assert set(done) <= set(may)
