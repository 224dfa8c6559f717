"""The planner that looks ahead: every runner's next drives in order, by a search over all.

It reads the same snapshot as `first_come` and is measured against it: what it gives is never
dearer by its own prices. Lots are given out as first come first served does, nearest with room.
Lists in another order give the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.dispatch.first_come import WHY_FIRST_BACK, WHY_NEAREST
from server.dispatch.route_problem import Drive, Leg, Prices, RouteProblem, timed
from server.dispatch.route_search import Budget, search
from server.dispatch.snapshot import Job, Runner, Snapshot, WantedMove

# The drive begins where the runner leaves the car before it: nobody travels empty for it.
WHY_ON_THE_WAY = "on_the_way"
# The runner is there first and waits: the car may not leave earlier.
WHY_BOOKED = "booked"
_S = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Aims:
    """What the search is to make small, for how long, and under which seed.

    `kerb_min`: how long a car may stand at a booth until its space is counted as missed. The
    budget is in rounds alone, so that a plan depends on nothing but its snapshot.
    """

    prices: Prices = field(default_factory=lambda: Prices(impatience=1.0))
    kerb_min: float = 20.0
    budget: Budget = field(default_factory=lambda: Budget(rounds=40))
    seed: int = 1


def plan(snapshot: Snapshot, aims: Aims | None = None) -> Sequence[Job]:
    """The plan by search; see `server.dispatch.snapshot.Planner`."""
    aims = aims or Aims()
    runners = sorted(snapshot.runners, key=lambda runner: runner.id)
    bound = _bound(snapshot)
    if not runners or not bound:
        return []
    problem = _problem(snapshot, aims, runners, bound)
    routes = search(problem, aims.budget, aims.seed)
    jobs = [job for legs in timed(problem, routes) for job in _jobs(snapshot, runners, bound, legs)]
    return sorted(jobs, key=lambda job: (job.start_at, job.visit_id))


@dataclass(frozen=True, slots=True)
class _Bound:
    """A move and where it goes."""

    move: WantedMove
    to_place_id: str


def _bound(snapshot: Snapshot) -> list[_Bound]:
    """The moves that have somewhere to go, by visit."""
    stalls = dict(snapshot.free_stalls)
    found = []
    for move in sorted(snapshot.moves, key=_order):
        place_id = move.to_place_id
        if place_id is None:
            near = snapshot.lots_near.get(move.from_place_id, sorted(stalls))
            place_id = next((lot for lot in near if stalls.get(lot, 0) > 0), None)
            if place_id is None:
                continue
            stalls[place_id] -= 1
        found.append(_Bound(move, place_id))
    return sorted(found, key=lambda bound: bound.move.visit_id)


def _order(move: WantedMove) -> tuple[datetime, datetime, str]:
    return max(move.known_at, move.release_at), move.known_at, move.visit_id


def _problem(
    snapshot: Snapshot, aims: Aims, runners: Sequence[Runner], bound: Sequence[_Bound]
) -> RouteProblem:
    """The snapshot in minutes from now."""
    names = sorted({place for b in bound for place in (b.move.from_place_id, b.to_place_id)})
    nodes = {name: node for node, name in enumerate(names)}
    free = [max(runner.free_at, snapshot.now) for runner in runners]

    def empty_min(origin: str, to: str) -> float:
        return snapshot.between(origin, to).empty_s / 60

    return RouteProblem(
        free_min=[_minutes(snapshot, at) for at in free],
        arrival_min=[
            [_minutes(snapshot, at) + empty_min(runner.place_id, to) for to in names]
            for at, runner in zip(free, runners, strict=True)
        ],
        empty_min=[[empty_min(origin, to) for to in names] for origin in names],
        moves=[_drive(snapshot, aims, nodes, b) for b in bound],
        prices=aims.prices,
    )


def _drive(snapshot: Snapshot, aims: Aims, nodes: dict[str, int], bound: _Bound) -> Drive:
    move = bound.move
    release = _minutes(snapshot, move.release_at)
    drive_s = snapshot.between(move.from_place_id, bound.to_place_id).drive_s
    due = release + aims.kerb_min if move.due_at is None else _minutes(snapshot, move.due_at)
    return Drive(
        kind=move.kind,
        origin=nodes[move.from_place_id],
        destination=nodes[bound.to_place_id],
        loaded_min=(drive_s + snapshot.handling_s) / 60,
        known_min=_minutes(snapshot, move.known_at),
        release_min=release,
        due_min=due,
    )


def _minutes(snapshot: Snapshot, at: datetime) -> float:
    return (at - snapshot.now) / _S / 60


def _jobs(
    snapshot: Snapshot, runners: Sequence[Runner], bound: Sequence[_Bound], legs: Sequence[Leg]
) -> list[Job]:
    """One runner's jobs, in whole seconds of the snapshot's own times."""
    jobs: list[Job] = []
    for leg in legs:
        runner, wanted = runners[leg.runner], bound[leg.move]
        move = wanted.move
        place_id = jobs[-1].to_place_id if jobs else runner.place_id
        free_at = jobs[-1].done_at if jobs else max(runner.free_at, snapshot.now)
        arrival = free_at + snapshot.between(place_id, move.from_place_id).empty_s * _S
        start = max(arrival, move.release_at)
        drive_s = snapshot.between(move.from_place_id, wanted.to_place_id).drive_s
        jobs.append(
            Job(
                visit_id=move.visit_id,
                kind=move.kind,
                runner_id=runner.id,
                from_place_id=move.from_place_id,
                to_place_id=wanted.to_place_id,
                start_at=start,
                done_at=start + (drive_s + snapshot.handling_s) * _S,
                why=_why(snapshot, move, leg, arrival, is_first=not jobs),
            )
        )
    return jobs


def _why(
    snapshot: Snapshot, move: WantedMove, leg: Leg, arrival: datetime, *, is_first: bool
) -> str:
    if arrival < move.release_at:
        return WHY_BOOKED
    if is_first and arrival - timedelta(minutes=leg.empty_min) <= snapshot.now:
        return WHY_NEAREST
    return WHY_ON_THE_WAY if leg.empty_min == 0 else WHY_FIRST_BACK
