"""Nights of a whole district under fixed seeds; more with VALET_TEST_SIMULATION_S."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.hub import Event, Hub
from tests.simulation.mutants import SCALE
from tests.simulation.world import World

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]
BUDGET_S = float(os.environ.get("VALET_TEST_SIMULATION_S", "3"))
"""CPU seconds for seeds beyond the first; CI gives 60."""
FIRST_SEED = 1000


SHORT = replace(SCALE, night_s=600.0)


def digest_of(seed: int) -> str:
    """What a few minutes came to."""
    with World(seed, SHORT) as world:
        world.run(1)
        return world.trace.digest


def test_nights_full_of_faults_keep_every_invariant_and_drain_afterwards() -> None:
    end_s, seed = time.process_time() + BUDGET_S, FIRST_SEED
    faults = 0
    while seed == FIRST_SEED or time.process_time() < end_s:
        with World(seed, SCALE) as world:
            world.run(1)
            faults += sum(world.faults.counts.values())
            assert world.people.by_visit
            assert world.invariants.checks > 0
        seed += 1
    assert faults > 0


def test_two_runs_of_a_seed_are_the_same_to_the_last_byte() -> None:
    assert digest_of(3) == digest_of(3)


def test_other_seeds_give_other_nights() -> None:
    assert digest_of(3) != digest_of(4)


def test_another_process_replays_a_seed() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "5", "--night-s", "600"]
    command += ["--cars-per-hour", "40", "--intensity", "6"]
    digests = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        .stdout.partition("digest ")[2]
        .split()[0]
        for _ in range(2)
    ]
    assert digests[0] == digests[1]


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
