"""Made-up dispatch problems, and their exact optimum by trying everything.

`python -m tests.dispatch_cases` writes `tests/data/dispatch_small.json` anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

from schemas import states
from server.dispatch.route_problem import Drive, Prices, RouteProblem, timed

SMALL = Path(__file__).parent / "data" / "dispatch_small.json"


def made_up(seed: int, moves: int, runners: int, booths: int = 5, lots: int = 2) -> dict[str, Any]:
    """A snapshot as `valet-server bench-plan` reads it: places at random, half of the cars leave
    their booth and half come back, some of these at a time that was asked for."""
    random = Random(seed)
    spots = [(random.uniform(0, 900), random.uniform(0, 500)) for _ in range(booths)]
    spots += [(random.uniform(-1500, 2500), random.uniform(-1500, 1500)) for _ in range(lots)]
    empty = [[math.ceil(math.dist(here, there) / 230) for there in spots] for here in spots]
    people = []
    for _ in range(runners):
        place, free = random.randrange(len(spots)), random.choice((0, 0, random.randint(1, 16)))
        people.append({"free_min": free, "to_node_min": [free + way for way in empty[place]]})
    drives = []
    for number in range(moves):
        booth, lot = random.randrange(booths), booths + random.randrange(lots)
        loaded = round(math.dist(spots[booth], spots[lot]) / 330) + random.randint(5, 7)
        drives.append({"id": number, "loaded_min": loaded, "known_min": -random.randint(0, 20)})
        drives[-1] |= _wish(random, booth, lot, drives[-1]["known_min"], loaded)
    name = f"{moves}x{runners}-{seed}"
    return {"name": name, "runners": people, "empty_min": empty, "moves": drives}


def _wish(random: Random, booth: int, lot: int, known: int, loaded: int) -> dict[str, Any]:
    if random.random() < 0.5:
        release = random.choice((0, 0, random.randint(1, 20)))
        given = {"kind": "park", "origin": booth, "destination": lot}
        return given | {"release_min": release, "due_min": release + random.randint(0, 25)}
    asked = {"kind": "retrieve", "origin": lot, "destination": booth}
    if random.random() < 0.7:
        return asked | {"release_min": 0, "due_min": known}
    due = random.randint(20, 60)
    return asked | {"release_min": max(0, due - loaded - 15), "due_min": due}


def problem_of(snapshot: dict[str, Any], prices: Prices | None = None) -> RouteProblem:
    """The problem that a snapshot states."""
    return RouteProblem(
        free_min=[person["free_min"] for person in snapshot["runners"]],
        arrival_min=[person["to_node_min"] for person in snapshot["runners"]],
        empty_min=snapshot["empty_min"],
        moves=[
            Drive(**{name: value for name, value in move.items() if name != "id"})
            for move in snapshot["moves"]
        ],
        prices=prices or Prices(),
    )


def optimum(problem: RouteProblem) -> float:
    """The least cost of any plan: each runner's best order of every set of drives, then the best
    way to share the drives out. For up to seven drives or so."""
    count = len(problem.moves)
    nobody = [0.0] + [math.inf] * (2**count - 1)
    for runner in range(len(problem.free_min)):
        alone = [_alone(problem, runner, chosen) for chosen in range(2**count)]
        nobody = [
            min(nobody[chosen ^ mine] + alone[mine] for mine in _subsets(chosen))
            for chosen in range(2**count)
        ]
    return nobody[-1]


def _alone(problem: RouteProblem, runner: int, chosen: int) -> float:
    moves = [move for move in range(len(problem.moves)) if chosen >> move & 1]
    routes: list[tuple[int, ...]] = [() for _ in problem.free_min]
    least = math.inf
    for order in permutations(moves):
        routes[runner] = order
        least = min(least, sum(leg.cost for leg in timed(problem, routes)[runner]))
    return least


def _subsets(chosen: int) -> Iterator[int]:
    mine = chosen
    while mine:
        yield mine
        mine = (mine - 1) & chosen
    yield 0


def long_queue(seed: int, jobs: int) -> RouteProblem:
    """One runner's queue: times, weights and due times at random, no way between the cars."""
    random = Random(seed)
    times = [random.randint(1, 100) for _ in range(jobs)]
    drives = [
        Drive(
            states.RETRIEVE, 0, 0, time, 0, 0, random.randint(0, sum(times)), random.randint(1, 9)
        )
        for time in times
    ]
    return RouteProblem([0], [[0]], [[0]], drives, Prices(early=0, empty=0))


def _write() -> None:
    shapes = [(1, 1), (2, 3), (3, 2), (4, 2), (5, 1), (5, 3), (6, 2), (6, 3), (7, 1), (7, 2)]
    found = []
    for moves, runners in shapes:
        for seed in range(3):
            snapshot = made_up(seed, moves, runners)
            snapshot["best_known_objective"] = round(optimum(problem_of(snapshot)), 6)
            found.append(snapshot)
    lines = ",\n".join(json.dumps(snapshot, separators=(",", ":")) for snapshot in found)
    SMALL.write_text(f"[{lines}]\n")


if __name__ == "__main__":
    _write()
