"""First come, first served, by the runner who can be there first: the yardstick.

Moves are taken in the order in which they could first be driven; each goes to the runner
who reaches it soonest. No pairing, no looking ahead: a planner that is not better than
this is not worth its code. It is also what is left when that planner fails, so it keeps to the
same rules: closures, breaks, licences, room.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.dispatch.errand import Errand, errands
from server.dispatch.itinerary import after, beginning, jobs_of, ready_times, step
from server.dispatch.plan import Plan
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Runner, Snapshot

POLICY = "first_come"


def plan(snapshot: Snapshot, seed: int = 1, budget: Budget | None = None) -> Plan:
    """The baseline plan; see `server.dispatch.plan.Planner`. It needs no chance and no budget."""
    runners = sorted(snapshot.runners, key=lambda runner: runner.id)
    wanted = errands(snapshot)
    jobs = [
        job
        for runner, route in zip(runners, routes(snapshot, runners, wanted), strict=True)
        for job in jobs_of(snapshot, runner, [wanted[index] for index in route])
    ]
    jobs.sort(key=lambda job: (job.start_at, job.visit_id))
    return Plan(jobs, ready_times(snapshot, jobs), policy=POLICY)


def routes(
    snapshot: Snapshot, runners: Sequence[Runner], wanted: Sequence[Errand]
) -> list[list[int]]:
    """Per runner the indices of the errands, each given in its turn to whoever can start it
    first; ties go to who is there first, then to the first runner."""
    found: list[list[int]] = [[] for _ in runners]
    places = [beginning(snapshot, runner) for runner in runners]
    for index, errand in enumerate(wanted):
        steps = (
            (step(snapshot, places[at], errand), at)
            for at, runner in enumerate(runners)
            if errand.may_be_done_by(runner)
        )
        taken, chosen = min(steps, key=lambda each: (each[0].start_at, each[0].arrival, each[1]))
        places[chosen] = after(places[chosen], errand, taken.done_at)
        found[chosen].append(index)
    return found
