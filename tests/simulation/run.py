"""`python -m tests.simulation --seed 7 --nights 100 --jobs 2`: nights, seed after seed.

Each seed plays `--each` nights in a row, the last one what is left. The first failure ends it all
and says how to see it again, bit for bit.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from multiprocessing import get_context

from tests.simulation.world import EACH, Failure, Scale, World

_HASH_SEED = "PYTHONHASHSEED"


@dataclass(frozen=True, slots=True)
class Task:
    """The nights of one seed."""

    seed: int
    nights: int
    scale: Scale
    is_verbose: bool = False


@dataclass(slots=True)
class Tally:
    """What some nights came to; `failure` says how the last one ended, if it did not end well."""

    text: str = ""
    failure: str | None = None
    nights: int = 0
    booth_nights: int = 0
    booth_hours: float = 0.0
    events: int = 0
    requests: int = 0
    failed_requests: int = 0
    cpu_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another one's nights too."""
        self.nights += other.nights
        self.booth_nights += other.booth_nights
        self.booth_hours += other.booth_hours
        self.events += other.events
        self.requests += other.requests
        self.failed_requests += other.failed_requests
        self.cpu_s += other.cpu_s
        self.faults += other.faults

    def words(self) -> str:
        """The figures, of one core."""
        hours, cpu_s = self.booth_hours or 1.0, self.cpu_s or 1.0
        faults = self.faults.total() + self.failed_requests
        return (
            f"{self.nights} nights, {self.booth_nights} booth-nights, {self.booth_hours:.0f}"
            f" booth-hours in {self.cpu_s:.1f} CPU seconds: {self.booth_hours / cpu_s:.1f}"
            f" booth-hours, {self.events / cpu_s:.0f} events, {self.requests / cpu_s:.0f}"
            f" requests and {faults / cpu_s:.0f} faults a CPU second;"
            f" {self.events / hours:.1f} events and {faults / hours:.1f} faults a booth-hour"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run, print figures, and on a failure the way to see it again; the exit code."""
    if os.environ.get(_HASH_SEED) != "0":
        # The order of a set of texts is part of the seed.
        words = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(  # noqa: S606 (our own interpreter, our own arguments)
            sys.executable, words, {**os.environ, _HASH_SEED: "0"}
        )
    asked = _parser().parse_args(arguments)
    scale = Scale(**{one.name: getattr(asked, one.name) for one in fields(Scale)})
    tasks = _tasks(asked.seed, asked.nights, asked.each, scale, is_verbose=asked.verbose)
    whole, began_s = Tally(), time.monotonic()
    with _played(tasks, asked.jobs) as played:
        for one in played:
            whole.add(one)
            print(one.failure or one.text, flush=True)
            if one.failure is not None:
                return 1
            if asked.seconds is not None and time.monotonic() - began_s >= asked.seconds:
                break
    print(whole.words())
    print(f"faults: {dict(sorted(whole.faults.items()))}, requests: {whole.failed_requests}")
    return 0


def play(task: Task) -> Tally:
    """Play the nights of one seed."""
    # Little of what is made lives long: the garbage need not be looked for so often.
    gc.set_threshold(50_000, 20, 50)
    began_s = time.process_time()
    world = World(task.seed, task.scale)
    if task.is_verbose:
        world.trace.echo = print
    try:
        with world:
            world.run(task.nights)
            return _tally(world, time.process_time() - began_s)
    except Failure as failure:
        return Tally(failure=str(failure))


def _tally(world: World, cpu_s: float) -> Tally:
    machines = world.machines.values()
    booths = sum(machine.is_booth for machine in machines)
    found = Tally(
        nights=world.nights,
        booth_nights=world.nights * booths,
        booth_hours=world.nights * booths * world.scale.night_s / 3600,
        events=sum(len(one.now) for machine in machines for one in machine.disk.journals.values()),
        requests=sum(machine.line.requests for machine in machines),
        failed_requests=sum(machine.line.faults for machine in machines),
        cpu_s=cpu_s,
        faults=world.faults.counts,
    )
    found.text = (
        f"seed {world.seed}{' by HTTP' if world.is_http else ''}: {booths} booths and a lot,"
        f" {dict(sorted(world.people.counts.items()))}, {world.hub.steps} steps,"
        f" {world.invariants.checks} checks, {found.words()}, digest {world.trace.digest}"
    )
    return found


def _tasks(seed: int, nights: int, each: int, scale: Scale, *, is_verbose: bool) -> Iterator[Task]:
    while nights > 0:
        yield Task(seed, min(each, nights), scale, is_verbose)
        seed, nights = seed + 1, nights - each


@contextmanager
def _played(tasks: Iterable[Task], jobs: int) -> Iterator[Iterable[Tally]]:
    if jobs <= 1:
        yield map(play, tasks)
        return
    # A process is not kept for ever: what a library hoards goes with it.
    with get_context("spawn").Pool(jobs, maxtasksperchild=50) as pool:
        yield pool.imap_unordered(play, tasks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--nights", type=int, default=1, help="how many nights in all")
    parser.add_argument("--each", type=int, default=EACH, help="nights of one seed")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time, each on its core")
    parser.add_argument("--seconds", type=float, help="begin no further seed after so long")
    for one in fields(Scale):
        name = f"--{one.name.replace('_', '-')}"
        if one.name == "moods":
            parser.add_argument(name, type=_moods, help="NAME=FACTOR,… of the faults that happen")
        else:
            kind = type(one.default)
            parser.add_argument(name, type=kind, default=one.default, help=f"{one.default:g}")
    parser.add_argument("--verbose", action="store_true", help="print every step")
    return parser


def _moods(text: str) -> dict[str, float]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name: float(factor) for name, _, factor in pairs}
