"""Nights of a whole district under fixed seeds; `make simulate` plays as many as one likes.

How many is fixed too, and not a time: the run is the same on every machine. Together with the
mutants they are the simulation's minute of CPU time in a test run.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.hub import Event, Hub
from tests.simulation.mutants import SCALE
from tests.simulation.world import Scale, World

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]
DREADFUL_SEEDS = range(1000, 1012)
ORDINARY_SEEDS = range(2001, 2003)
SHORT = replace(SCALE, night_s=600.0, busy_s=480.0)


def digest_of(seed: int) -> str:
    """What a few minutes came to."""
    with World(seed, SHORT) as world:
        world.run(1)
        return world.trace.digest


def play(seed: int, scale: Scale) -> World:
    """A night in which something must happen, and go wrong."""
    with World(seed, scale) as world:
        world.run(1)
    assert world.people.by_visit
    assert world.invariants.checks > 0
    assert world.faults.counts.total() > 0
    return world


@pytest.mark.parametrize("seed", DREADFUL_SEEDS)
def test_a_dreadful_half_hour_keeps_every_invariant_and_drains_afterwards(seed: int) -> None:
    play(seed, SCALE)


@pytest.mark.parametrize("seed", ORDINARY_SEEDS)
def test_an_ordinary_night_keeps_every_invariant_and_drains_afterwards(seed: int) -> None:
    play(seed, Scale())


def test_what_goes_through_http_keeps_every_invariant_too() -> None:
    assert play(3, replace(SHORT, http_every=1)).is_http


def test_two_runs_of_a_seed_are_the_same_to_the_last_byte() -> None:
    assert digest_of(3) == digest_of(3)


def test_other_seeds_give_other_nights() -> None:
    assert digest_of(3) != digest_of(4)


def digests_of(*words: str) -> set[str]:
    """What the command says of the nights of seeds 5 and 6."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "5", "--nights", "2"]
    command += ["--each", "1", "--cars-per-hour", "40", "--intensity", "6"]
    command += ["--night-s", "600", "--busy-s", "480", *words]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {line.rpartition("digest ")[2] for line in told.splitlines() if "digest " in line}


def test_other_processes_replay_a_seed() -> None:
    told = digests_of()
    assert len(told) == 2
    assert digests_of("--jobs", "2") == told


def test_a_frozen_group_waits_and_a_killed_task_never_goes_on() -> None:
    hub, seen = Hub(), list[str]()

    def work() -> None:
        hub.sleep(1.0)
        seen.append("slept")
        Event(hub).wait()
        seen.append("never")

    hub.spawn("task", work, "group")
    hub.freeze("group")
    hub.run(10**10)
    assert seen == []
    hub.thaw("group")
    hub.run(2 * 10**10)
    assert seen == ["slept"]
    hub.end_group("group")
    assert (seen, len(hub.tasks)) == (["slept"], 0)


@pytest.mark.parametrize("timeout_s", [None, 5.0])
def test_an_event_wakes_who_waits_for_it(timeout_s: float | None) -> None:
    hub, seen = Hub(), list[bool]()
    event = Event(hub)
    hub.spawn("task", lambda: seen.append(event.wait(timeout_s)), "group")
    hub.after(2.0, event.set)
    hub.run(10**11)
    assert seen == [True]
