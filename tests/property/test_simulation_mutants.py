"""A protocol with one thing wrong is caught, by the invariant that says so, within seconds."""

from __future__ import annotations

import time

import pytest

from tests.simulation.booth import Broken
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.world import Failure, World

pytestmark = pytest.mark.usefixtures("unmeasured")

SEEDS = 4
LIMIT_S = 10.0
"""CPU seconds. The slowest takes two on a machine of 2024."""


def failure_of(mutant: Mutant, seed: int, *, is_healthy: bool = False) -> Failure | None:
    """How a night with the mutant ends, or the same night without it; None if it ends well."""
    try:
        with World(seed, mutant.scale) as world:
            if not is_healthy:
                mutant.apply(world.seams, world)
            world.run(1)
    except Failure as failure:
        return failure
    return None


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_protocol_is_caught_in_seconds_and_nothing_else_is(name: str) -> None:
    mutant = MUTANTS[name]
    # CPU time, because what else runs on the machine is nobody's fault.
    began_s = time.process_time()
    for seed in range(mutant.seed, mutant.seed + SEEDS):
        failure = failure_of(mutant, seed)
        if failure is not None:
            break
    else:
        pytest.fail(f"{SEEDS} nights did not notice: {mutant.apply.__doc__}")
    assert time.process_time() - began_s <= LIMIT_S
    number = failure.cause.number if isinstance(failure.cause, Broken) else None
    assert number in mutant.broken, failure
    assert f"--seed {seed}" in str(failure)
    assert failure_of(mutant, seed, is_healthy=True) is None
