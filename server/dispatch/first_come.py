"""First come, first served, by the runner who can be there first: the yardstick.

Moves are taken in the order in which they could first be driven; each goes to the runner
who reaches it soonest. No pairing, no looking ahead: a planner that is not better than
this is not worth its code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.dispatch.snapshot import Job, Runner, Snapshot, WantedMove

WHY_NEAREST = "nearest_free"
WHY_FIRST_BACK = "first_back"


@dataclass(slots=True)
class _Whereabouts:
    """Where a runner will be after the jobs given so far."""

    runner: Runner
    place_id: str
    free_at: datetime


def plan(snapshot: Snapshot) -> Sequence[Job]:
    """The baseline plan; see `server.dispatch.snapshot.Planner`."""
    runners = [
        _Whereabouts(runner, runner.place_id, max(runner.free_at, snapshot.now))
        for runner in sorted(snapshot.runners, key=lambda runner: runner.id)
    ]
    stalls = dict(snapshot.free_stalls)
    jobs: list[Job] = []
    if runners:
        for move in sorted(snapshot.moves, key=_order):
            destination = move.to_place_id or _nearest_lot(snapshot, move, stalls)
            if destination is not None:
                jobs.append(_give(snapshot, move, destination, runners))
    return sorted(jobs, key=lambda job: (job.start_at, job.visit_id))


def _order(move: WantedMove) -> tuple[datetime, datetime, str]:
    return max(move.known_at, move.release_at), move.known_at, move.visit_id


def _nearest_lot(snapshot: Snapshot, move: WantedMove, stalls: dict[str, int]) -> str | None:
    for lot in snapshot.lots_near.get(move.from_place_id, sorted(stalls)):
        if stalls.get(lot, 0) > 0:
            stalls[lot] -= 1
            return lot
    return None


def _give(
    snapshot: Snapshot, move: WantedMove, destination: str, runners: list[_Whereabouts]
) -> Job:
    arrival, chosen = min(
        ((_arrival(snapshot, whereabouts, move), whereabouts) for whereabouts in runners),
        key=lambda pair: (pair[0], pair[1].runner.id),
    )
    start = max(arrival, move.release_at)
    drive_s = snapshot.between(move.from_place_id, destination).drive_s
    done = start + timedelta(seconds=drive_s + snapshot.handling_s)
    why = WHY_NEAREST if chosen.free_at <= snapshot.now else WHY_FIRST_BACK
    chosen.place_id, chosen.free_at = destination, done
    return Job(
        visit_id=move.visit_id,
        kind=move.kind,
        runner_id=chosen.runner.id,
        from_place_id=move.from_place_id,
        to_place_id=destination,
        start_at=start,
        done_at=done,
        why=why,
    )


def _arrival(snapshot: Snapshot, whereabouts: _Whereabouts, move: WantedMove) -> datetime:
    empty_s = snapshot.between(whereabouts.place_id, move.from_place_id).empty_s
    return whereabouts.free_at + timedelta(seconds=empty_s)
