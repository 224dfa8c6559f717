"""Cars that are brought near before anybody asks for them, by runners who would stand idle.

Nothing is taken from those who wait: only who has no drive at all in the plan is sent, some stay
idle for what comes next, and as soon as such a runner is wanted elsewhere the plan sends them
there. No car is staged without a space set aside for it, nor by a way that is shut, nor if others
had to be moved for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from schemas import states
from server.dispatch.errand import Errand
from server.dispatch.itinerary import Step, beginning, step
from server.dispatch.plan import WHY_STAGED, Job
from server.dispatch.snapshot import Runner, Snapshot, Stageable, WantedMove

_NOTHING = timedelta()


def staging_jobs(snapshot: Snapshot, jobs: Iterable[Job]) -> list[Job]:
    """What runners without one of these jobs bring near, at most one car each.

    What is being done goes on; of other cars the likeliest to be asked for come first, each
    brought by who can be at it first.
    """
    if not snapshot.stageable:
        return []
    busy = {job.runner_id for job in jobs}
    idle = {
        runner.id: runner
        for runner in sorted(snapshot.runners, key=lambda runner: runner.id)
        if runner.id not in busy and not runner.is_driving
    }
    room = {name: booth.staging_room for name, booth in snapshot.booths.items()}
    given = _given(snapshot)
    spare = len(idle) - snapshot.spare_runners
    found: list[Job] = []
    for car in sorted(snapshot.stageable, key=lambda car: _rank(car, given)):
        who = given.get(car.visit_id)
        is_under_way = who in idle
        if room.get(car.booth_id, 0) <= 0 or (len(found) >= spare and not is_under_way):
            continue
        candidates = [idle[who]] if who is not None and is_under_way else list(idle.values())
        job = _first_there(snapshot, candidates, car)
        if job is not None:
            found.append(job)
            del idle[job.runner_id]
            room[car.booth_id] -= 1
    return found


def staging_moves(snapshot: Snapshot, jobs: Iterable[Job]) -> list[WantedMove]:
    """The drives behind those of these jobs that stage a car."""
    staged = {job.visit_id for job in jobs if job.why == WHY_STAGED}
    return [_move(snapshot, car) for car in snapshot.stageable if car.visit_id in staged]


def _given(snapshot: Snapshot) -> dict[str, str]:
    """Who is to bring which car by the plan in force, by visit."""
    return {
        visit_id: runner_id
        for runner_id, visits in snapshot.standing.items()
        for visit_id in visits
    }


def _rank(car: Stageable, given: dict[str, str]) -> tuple[bool, float, str]:
    return car.visit_id not in given, -car.chance, car.visit_id


def _first_there(snapshot: Snapshot, runners: Sequence[Runner], car: Stageable) -> Job | None:
    move = _move(snapshot, car)
    loaded_s = snapshot.between(car.lot_id, car.booth_id).drive_s + snapshot.handling_s
    errand = Errand(move, car.booth_id, loaded_s)
    best: tuple[datetime, str] | None = None
    taken: Step | None = None
    for runner in runners:
        if not errand.may_be_done_by(runner):
            continue
        here = beginning(snapshot, runner)
        each = step(snapshot, here, errand)
        is_kept = each.start_at > each.arrival or _is_shut(snapshot, car, each)
        if not is_kept and (best is None or (each.arrival, runner.id) < best):
            best, taken = (each.arrival, runner.id), each
    if best is None or taken is None:
        return None
    return Job(
        visit_id=car.visit_id,
        kind=states.RELOCATE,
        runner_id=best[1],
        from_place_id=car.lot_id,
        to_place_id=car.booth_id,
        start_at=taken.start_at,
        done_at=taken.done_at,
        why=WHY_STAGED,
        why_place_id=car.booth_id,
        leave_at=taken.leave_at,
    )


def _is_shut(snapshot: Snapshot, car: Stageable, taken: Step) -> bool:
    return any(
        taken.start_at < each.window.until_at and taken.done_at > each.window.from_at
        for each in snapshot.shut
        if each.stops(car.lot_id, car.booth_id)
    )


def _move(snapshot: Snapshot, car: Stageable) -> WantedMove:
    return WantedMove(
        visit_id=car.visit_id,
        kind=states.RELOCATE,
        from_place_id=car.lot_id,
        to_place_id=car.booth_id,
        known_at=snapshot.now,
        release_at=snapshot.now,
        due_at=None,
        needs=car.needs,
    )
