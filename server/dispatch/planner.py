"""The live planner: every runner's next drives in order, by a search over all of them at once.

1. The plan in force is kept as far as it still can be done; what is new is put in where it costs
   least (`AT_ONCE`: no more than that, for whoever holds a lock).
2. From there a search looks for a better one. It has to be better by `Aims.least_gain`, so that
   screens do not change for nothing.
3. First come, first served is planned too, and taken where it is cheaper.
4. Each of them is valued with the rides that runners can share (`server.dispatch.timetable`).
5. Runners who have nothing to drive in it may bring cars near (`server.dispatch.staging`).

All depends on the snapshot, the seed and the rounds; seconds only guard against a slow machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from server.dispatch import first_come
from server.dispatch.errand import Errand, errands, expected_errands
from server.dispatch.itinerary import job_of, ready_times
from server.dispatch.plan import WHY_CLOSURE, Plan
from server.dispatch.route_model import Aims, RouteModel, model_of
from server.dispatch.route_search import Budget, complete, search
from server.dispatch.snapshot import Runner, Snapshot
from server.dispatch.staging import staging_jobs

POLICY = "sequence"
# Nothing is searched: new moves are put into the plan in force.
AT_ONCE = Budget(rounds=0, seconds=0.0)
STEADY = Budget(rounds=40)
_ROUNDING = 1e-6

Routes = Sequence[Sequence[int]]


def plan(
    snapshot: Snapshot, seed: int = 1, budget: Budget = STEADY, aims: Aims | None = None
) -> Plan:
    """The plan; see `server.dispatch.plan.Planner`."""
    found = _wanted_plan(snapshot, seed, budget, aims or Aims())
    staged = staging_jobs(snapshot, found.jobs)
    if not staged:
        return found
    jobs = sorted([*found.jobs, *staged], key=lambda job: (job.start_at, job.visit_id))
    taken = {job.runner_id for job in staged}
    waits = {name: place for name, place in found.waits.items() if name not in taken}
    rides = [ride for ride in found.rides if ride.passenger_id not in taken]
    return replace(found, jobs=jobs, waits=waits, rides=rides)


def _wanted_plan(snapshot: Snapshot, seed: int, budget: Budget, aims: Aims) -> Plan:
    """The plan of what is wanted."""
    runners = sorted(snapshot.runners, key=lambda runner: runner.id)
    wanted = errands(snapshot) if runners else []
    if runners and budget is not AT_ONCE:
        wanted += expected_errands(snapshot)
    if not wanted:
        return Plan([], dict(snapshot.arrivals), policy=POLICY)
    model = model_of(snapshot, runners, wanted, aims, {})
    kept = _in_turn(model, complete(model.problem, seed, _standing(snapshot, runners, wanted)))
    if budget is AT_ONCE:
        return _plan(model, kept)
    return _best(model, aims, seed, budget, kept)


def _best(model: RouteModel, aims: Aims, seed: int, budget: Budget, kept: Routes) -> Plan:
    """The plan in force, or what the search found if it is clearly better, or the baseline."""
    is_over = budget.alarm()
    found = _in_turn(model, search(model.problem, budget, seed, kept))
    waiting = _kept_by_closures(model, found)
    if waiting and not is_over():
        later = model_of(model.snapshot, model.runners, model.errands, aims, waiting)
        found = _in_turn(model, search(later.problem, budget, seed, found))
    known = [index for index, errand in enumerate(model.errands) if not errand.is_expected]
    yardstick = first_come.routes(
        model.snapshot, model.runners, [model.errands[index] for index in known]
    )
    yardstick = complete(model.problem, seed, yardstick)
    costs = [model.cost(routes) for routes in (kept, found, yardstick)]
    chosen = min(costs[0], costs[1] + aims.least_gain, costs[2] + _ROUNDING)
    if chosen == costs[0]:
        return _plan(model, kept, costs[0], costs[2], is_cut=is_over())
    if costs[1] <= costs[2] + _ROUNDING:
        return _plan(model, found, costs[1], costs[2], is_cut=is_over())
    return _plan(model, yardstick, costs[2], costs[2], is_cut=is_over())


def _standing(
    snapshot: Snapshot, runners: Sequence[Runner], wanted: Sequence[Errand]
) -> list[list[int]]:
    """The plan in force without what is gone and what its runner may not do any more."""
    at = {errand.move.visit_id: index for index, errand in enumerate(wanted)}
    routes: list[list[int]] = []
    for runner in runners:
        routes.append([])
        for visit_id in snapshot.standing.get(runner.id, ()):
            index = at.get(visit_id)
            if index is not None and wanted[index].may_be_done_by(runner):
                routes[-1].append(index)
                del at[visit_id]
    return routes


def _kept_by_closures(model: RouteModel, routes: Routes) -> dict[int, datetime]:
    """Errands that the search planned for while their way is shut, and when they can be done."""
    if not model.snapshot.shut:
        return {}
    at = {errand.move.visit_id: index for index, errand in enumerate(model.errands)}
    plan = _plan(model, routes)
    return {at[job.visit_id]: job.start_at for job in plan.jobs if job.why == WHY_CLOSURE}


def _in_turn(model: RouteModel, routes: Routes) -> list[list[int]]:
    """The same drives in the order of their tickets where that makes no other difference: cars
    that go the same way, and whose drivers wait, or that stand at the same kerb."""
    turned = [list(route) for route in routes]
    for places in _alike(model, turned):
        places.sort()
        here = [turned[runner][at] for _, runner, at in places]
        released = max(model.errands[index].move.release_at for index in here)
        if released <= places[0][0]:
            here.sort(key=lambda index: _ticket(model.errands[index]))
            for (_, runner, at), index in zip(places, here, strict=True):
                turned[runner][at] = index
    return turned


def _alike(model: RouteModel, routes: Routes) -> Iterable[list[tuple[datetime, int, int]]]:
    """The places in a plan (start, runner, position) that cars could change for nothing."""
    ways = [_way(each) if _waits_in_turn(each) else None for each in model.errands]
    counts = Counter(way for way in ways if way is not None)
    alike: dict[tuple[object, ...], list[tuple[datetime, int, int]]] = {}
    if not any(way is not None and count > 1 for way, count in counts.items()):
        return ()
    for runner, (route, lines) in enumerate(zip(routes, model.timed(routes).lines, strict=True)):
        real = [(at, ways[index]) for at, index in enumerate(route) if index < len(ways)]
        for (at, way), line in zip(real, lines, strict=True):
            if way is not None and counts[way] > 1:
                alike.setdefault(way, []).append((line.step.start_at, runner, at))
    return alike.values()


def _waits_in_turn(errand: Errand) -> bool:
    move = errand.move
    return not errand.is_expected and (move.due_at is None or move.due_at <= move.known_at)


def _way(errand: Errand) -> tuple[object, ...]:
    move = errand.move
    return (
        move.kind,
        move.from_place_id,
        errand.to_place_id,
        errand.loaded_s,
        move.needs,
        move.weight,
        errand.to_stall,
    )


def _ticket(errand: Errand) -> tuple[datetime, str]:
    return errand.move.known_at, errand.move.visit_id


def _plan(
    model: RouteModel,
    routes: Routes,
    cost: float = 0.0,
    baseline_cost: float = 0.0,
    *,
    is_cut: bool = False,
) -> Plan:
    """What is really to be driven."""
    table = model.timed([_without_guesses(model, route) for route in routes])
    lines = [line for lines in table.lines for line in lines if not line.errand.is_expected]
    jobs = [job_of(model.snapshot, line) for line in lines]
    jobs.sort(key=lambda job: (job.start_at, job.visit_id))
    return Plan(
        jobs=jobs,
        ready=ready_times(model.snapshot, jobs),
        waits=dict(_waits(model, routes)),
        rides=table.rides,
        cost=cost,
        baseline_cost=baseline_cost,
        policy=POLICY,
        is_cut=is_cut,
    )


def _without_guesses(model: RouteModel, route: Sequence[int]) -> list[int]:
    """The errands of a route without those expected ones that others come after."""
    known = [at for at, index in enumerate(route) if index < len(model.errands)]
    real = [at for at in known if not model.errands[route[at]].is_expected]
    last = max(real, default=-1)
    return [route[at] for at in known if at > last or not model.errands[route[at]].is_expected]


def _waits(model: RouteModel, routes: Routes) -> Iterable[tuple[str, str]]:
    """Where runners wait who have nothing to drive, but something to expect."""
    for runner, route in zip(model.runners, routes, strict=True):
        coming = model.errands_of(route)
        if coming and all(errand.is_expected for errand in coming):
            yield runner.id, coming[0].move.from_place_id
