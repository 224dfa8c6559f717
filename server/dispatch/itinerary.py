"""One runner's errands in order, as jobs with their times and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from server.dispatch.errand import Errand, earliest_start
from server.dispatch.plan import (
    WHY_BOOKED,
    WHY_BREAK,
    WHY_CLOSURE,
    WHY_FIRST_BACK,
    WHY_NEAREST,
    WHY_ON_THE_WAY,
    WHY_RIDES,
    Job,
    Ride,
)
from server.dispatch.snapshot import Runner, Snapshot

_S = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a runner is free and since when, after the jobs given so far. `came_from`: where the
    drive that ended there began."""

    runner: Runner
    place_id: str
    free_at: datetime
    came_from: str | None = None
    is_at_start: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """An errand done from somewhere. `arrival`: when the runner could be at the car at the
    earliest; `leave_at`: when it has to set out to be there in time."""

    leave_at: datetime
    arrival: datetime
    start_at: datetime
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One errand of somebody's route: from where, when, and the ride that brings the runner
    there, or nearer."""

    at: Whereabouts
    errand: Errand
    step: Step
    ride: Ride | None = None


def beginning(snapshot: Snapshot, runner: Runner) -> Whereabouts:
    """Where the runner begins."""
    return Whereabouts(runner, runner.place_id, max(runner.free_at, snapshot.now), runner.came_from)


def reached_at(snapshot: Snapshot, at: Whereabouts, place_id: str) -> datetime:
    """When the runner can stand at a place at the earliest.

    Who is under way without a car goes on, or turns: that costs `divert_s`, and then the shorter of
    the way back and the way on.
    """
    runner, now = at.runner, snapshot.now
    if not at.is_at_start or runner.sent_to is None or runner.there_at is None:
        return at.free_at + snapshot.between(at.place_id, place_id).empty_s * _S
    if place_id == runner.sent_to:
        return max(now, runner.there_at)
    back = (now - runner.free_at) + snapshot.between(runner.place_id, place_id).empty_s * _S
    onward = runner.there_at - now + snapshot.between(runner.sent_to, place_id).empty_s * _S
    return now + snapshot.divert_s * _S + max(timedelta(), min(back, onward))


def step(snapshot: Snapshot, at: Whereabouts, errand: Errand) -> Step:
    """The errand as this runner's next."""
    arrival = reached_at(snapshot, at, errand.move.from_place_id)
    way = arrival - at.free_at
    start = earliest_start(errand, arrival, way, at.runner.breaks)
    is_under_way = at.is_at_start and at.runner.sent_to is not None
    # Nobody has to set out before that: the place is as good to wait at as any.
    leave = at.free_at if is_under_way else max(at.free_at, start - way)
    return Step(leave, arrival, start, start + errand.loaded)


def by_ride(snapshot: Snapshot, at: Whereabouts, errand: Errand, ride: Ride) -> Step:
    """The errand as this runner's next, who goes along in a colleague's car and on from there."""
    onward = snapshot.between(ride.to_place_id, errand.move.from_place_id).empty_s * _S
    arrival = ride.done_at + onward
    start = earliest_start(errand, arrival, arrival - at.free_at, at.runner.breaks)
    return Step(ride.start_at, arrival, start, start + errand.loaded)


def after(at: Whereabouts, errand: Errand, done_at: datetime) -> Whereabouts:
    """Where the runner is then."""
    return Whereabouts(
        at.runner, errand.to_place_id, done_at, errand.move.from_place_id, is_at_start=False
    )


def jobs_of(snapshot: Snapshot, runner: Runner, route: Sequence[Errand]) -> list[Job]:
    """What the runner does, in order."""
    return [job_of(snapshot, line) for line in walk(snapshot, runner, route)]


def job_of(snapshot: Snapshot, line: Line) -> Job:
    """One of them."""
    at, errand, taken, move = line.at, line.errand, line.step, line.errand.move
    return Job(
        visit_id=move.visit_id,
        kind=move.kind,
        runner_id=at.runner.id,
        from_place_id=move.from_place_id,
        to_place_id=errand.to_place_id,
        start_at=taken.start_at,
        done_at=taken.done_at,
        why=WHY_RIDES if line.ride else _why(snapshot, at, errand, taken),
        why_place_id=line.ride.from_place_id if line.ride else _comes_from(at, errand),
        leave_at=taken.leave_at,
        to_stall=errand.to_stall,
        blocked_by=errand.blocked_by,
        rides_in=line.ride.visit_id if line.ride else None,
    )


def walk(snapshot: Snapshot, runner: Runner, route: Iterable[Errand]) -> Iterator[Line]:
    """Each errand of a route with where it is done from and when, by the runner's own ways."""
    at = beginning(snapshot, runner)
    for errand in route:
        taken = step(snapshot, at, errand)
        yield Line(at, errand, taken)
        at = after(at, errand, taken.done_at)


def ready_times(snapshot: Snapshot, jobs: Sequence[Job]) -> dict[str, datetime]:
    """Per requested car when it stands where it is wanted, as far as it is under way or planned."""
    ready = dict(snapshot.arrivals)
    wanted_back = {move.visit_id: move.wanted_back for move in snapshot.moves}
    for job in jobs:
        back = wanted_back.get(job.visit_id)
        if job.kind == states.RETRIEVE:
            ready[job.visit_id] = job.done_at
        elif back is not None:
            booth_id, wanted_at = back
            way_s = snapshot.between(job.to_place_id, booth_id).drive_s + snapshot.handling_s
            ready[job.visit_id] = max(wanted_at, job.done_at + way_s * _S)
    return ready


def _why(snapshot: Snapshot, at: Whereabouts, errand: Errand, taken: Step) -> str:
    move, there = errand.move, taken.arrival
    if taken.start_at > earliest_start(errand, there):
        return WHY_BREAK
    if taken.start_at > max(there, move.release_at):
        return WHY_CLOSURE
    if there < move.release_at and move.due_at is not None and move.due_at > snapshot.now:
        return WHY_BOOKED
    if at.is_at_start and not at.runner.is_driving and at.free_at <= snapshot.now:
        return WHY_NEAREST
    return WHY_ON_THE_WAY if there == at.free_at else WHY_FIRST_BACK


def _comes_from(at: Whereabouts, errand: Errand) -> str:
    """The place that a reason is about: where the runner was before, elsewhere than at the car."""
    is_there = at.place_id == errand.move.from_place_id
    return at.came_from if is_there and at.came_from is not None else at.place_id
