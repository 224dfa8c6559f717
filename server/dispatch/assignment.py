"""A planner that pairs runners and errands, cheapest together, again and again: a yardstick.

Each round gives every runner one errand at most, from where the round before left it. It plans no
further than the errand at hand, so drives are paired by luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from schemas import states
from server.dispatch.errand import Errand, errands
from server.dispatch.itinerary import Whereabouts, after, beginning, jobs_of, ready_times, step
from server.dispatch.plan import Plan
from server.dispatch.policy_matching import cheapest_pairs
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Runner, Snapshot

POLICY = "assignment"
# What is not done in this round is thought to start so much later than it could.
_ELSE_LATER = timedelta(minutes=20)
_NEVER = 1e9
_EMPTY_PRICE, _PARK_PRICE = 0.2, 0.12
_MIN = timedelta(minutes=1)


def plan(snapshot: Snapshot, seed: int = 1, budget: Budget | None = None) -> Plan:
    """The plan; see `server.dispatch.plan.Planner`. It needs no chance and no budget."""
    runners = sorted(snapshot.runners, key=lambda runner: runner.id)
    wanted = errands(snapshot)
    places = [beginning(snapshot, runner) for runner in runners]
    found: list[list[Errand]] = [[] for _ in runners]
    left = list(wanted)
    while left:
        pairs = _round(snapshot, runners, places, left)
        if not pairs:
            break
        for runner, index in pairs:
            errand = left[index]
            done = step(snapshot, places[runner], errand).done_at
            places[runner] = after(places[runner], errand, done)
            found[runner].append(errand)
        given = {index for _, index in pairs}
        left = [errand for index, errand in enumerate(left) if index not in given]
    jobs = [
        job
        for runner, route in zip(runners, found, strict=True)
        for job in jobs_of(snapshot, runner, route)
    ]
    jobs.sort(key=lambda job: (job.start_at, job.visit_id))
    return Plan(jobs, ready_times(snapshot, jobs), policy=POLICY)


def _round(
    snapshot: Snapshot,
    runners: Sequence[Runner],
    places: Sequence[Whereabouts],
    left: Sequence[Errand],
) -> list[tuple[int, int]]:
    """Who takes which errand next."""
    costs = []
    for runner, at in zip(runners, places, strict=True):
        row = []
        for errand in left:
            if errand.may_be_done_by(runner):
                row.append(_cost(snapshot, at, errand) - _gain(errand))
            else:
                row.append(_NEVER)
        costs.append(row)
    return [
        (runner, index) for runner, index in enumerate(cheapest_pairs(costs)) if index is not None
    ]


def _cost(snapshot: Snapshot, at: Whereabouts, errand: Errand) -> float:
    taken = step(snapshot, at, errand)
    empty = (taken.arrival - max(at.free_at, snapshot.now)) / _MIN
    return _waiting(errand, taken.start_at - errand.move.release_at) + _EMPTY_PRICE * empty


def _gain(errand: Errand) -> float:
    # Never so little that an errand is left to nobody for ever.
    return _waiting(errand, _ELSE_LATER) + _NEVER / 1000


def _waiting(errand: Errand, waited: timedelta) -> float:
    price = 1.0 if errand.move.kind == states.RETRIEVE else _PARK_PRICE
    return price * errand.move.weight * (waited / _MIN)
