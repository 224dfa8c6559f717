"""`python -m tests.simulation --seed 7 --nights 3 [--seconds 60]`: replays bit for bit."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import fields

from tests.simulation.world import Failure, Scale, World

_HASH_SEED = "PYTHONHASHSEED"


def main(arguments: list[str] | None = None) -> int:
    """Run, print figures, and on a failure the way to see it again; the exit code."""
    if os.environ.get(_HASH_SEED) != "0":
        # The order of a set of texts is part of the seed.
        words = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(  # noqa: S606 (our own interpreter, our own arguments)
            sys.executable, words, {**os.environ, _HASH_SEED: "0"}
        )
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--nights", type=int, default=1, help="nights of each seed")
    parser.add_argument(
        "--seconds", type=float, help="go on with the next seeds for so long, in CPU time"
    )
    for one in fields(Scale):
        name = f"--{one.name.replace('_', '-')}"
        if one.name == "moods":
            parser.add_argument(name, type=_moods, help="NAME=FACTOR,… of the faults that happen")
        else:
            parser.add_argument(name, type=float, default=one.default, help=f"{one.default:g}")
    parser.add_argument("--verbose", action="store_true", help="print every step")
    asked = parser.parse_args(arguments)
    scale = Scale(**{one.name: getattr(asked, one.name) for one in fields(Scale)})
    begun_s, seed = time.process_time(), asked.seed
    booth_hours, faults = 0.0, Counter[str]()
    while True:
        began_s = time.process_time()
        world = World(seed, scale)
        if asked.verbose:
            world.trace.echo = print
        try:
            with world:
                world.run(asked.nights)
                hours = world.nights * scale.night_s / 3600
                booths = sum(machine.is_booth for machine in world.machines.values())
                booth_hours += hours * booths
                faults += world.faults.counts
                took_s = time.process_time() - began_s
                print(
                    f"seed {seed}: {world.nights} nights, {booths} booths and a lot,"
                    f" {dict(world.people.counts)},"
                    f" {sum(world.faults.counts.values())} faults,"
                    f" {sum(one.line.faults for one in world.machines.values())} on lines,"
                    f" {world.hub.steps} steps, {world.invariants.checks} checks,"
                    f" {hours * booths / took_s:.1f} booth-hours/s, digest {world.trace.digest}",
                    flush=True,
                )
        except Failure as failure:
            print(failure)
            return 1
        seed += 1
        if asked.seconds is None or time.process_time() - begun_s >= asked.seconds:
            break
    took_s = time.process_time() - begun_s
    print(f"{booth_hours:.0f} booth-hours in {took_s:.1f} s: {booth_hours / took_s:.1f} a second")
    print(f"faults: {dict(sorted(faults.items()))}")
    return 0


def _moods(text: str) -> dict[str, float]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name: float(factor) for name, _, factor in pairs}
