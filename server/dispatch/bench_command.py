"""`valet-server bench-plan`: the planner's search on problems from files, with its gaps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import click

from server.dispatch.bench_case import Case, CaseFileError, read_queues, read_snapshots
from server.dispatch.li_lim import Pickups, plan_tours, read_li_lim
from server.dispatch.route_baseline import first_come
from server.dispatch.route_problem import evaluate
from server.dispatch.route_search import Budget, search

T = TypeVar("T")
CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}
UNLIMITED = 10**9
# Two costs that differ by less are the same, but for rounding.
SAME = 1e-6


@click.command("bench-plan")
@click.option("--snapshots", type=click.Path(path_type=Path), help="Dispatch snapshots, JSON.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of wtN.txt files or Li & Lim instances."
)
@click.option("--budget-ms", default=200, show_default=True, type=click.IntRange(min=0))
@click.option("--rounds", default=UNLIMITED, type=click.IntRange(min=0), help="At most so many.")
@click.option("--seed", default=1, show_default=True)
@click.option("--clock", default="cpu", show_default=True, type=click.Choice(list(CLOCKS)))
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
def bench_plan(
    snapshots: Path | None,
    data: Path | None,
    budget_ms: int,
    rounds: int,
    seed: int,
    clock: str,
    as_json: bool,
) -> None:
    """Plan every problem of a file or folder within the budget, each on its own, on one core.

    Prints for each what the plan costs, what first come first served costs, the least cost known
    and the gap to it in per cent, and how long it took on both clocks. `--clock` says which one
    the budget is measured on: processor time does not count what other programs take. With
    `--rounds` and a long budget the same seed gives the same plan on every machine.

    Li & Lim instances are driven as cars are, one request at a time and straight: their gap is in
    distance, and they need more vehicles than where loads are shared.
    """
    budget = Budget(rounds, budget_ms / 1000, CLOCKS[clock])
    try:
        results = [
            _tour(case, budget, seed) if isinstance(case, Pickups) else _plan(case, budget, seed)
            for case in _cases(snapshots, data)
        ]
    except CaseFileError as error:
        raise click.ClickException(str(error)) from None
    summary = _summary(results)
    if as_json:
        found = {"budget_ms": budget_ms, "clock": clock, "seed": seed}
        click.echo(json.dumps({**found, "summary": summary, "instances": results}))
        return
    for result in results:
        click.echo(_line(result))
    for row in summary:
        click.echo(json.dumps(row))


def _cases(snapshots: Path | None, data: Path | None) -> Sequence[Case | Pickups]:
    if (snapshots is None) == (data is None):
        raise click.UsageError("give either --snapshots FILE or --data FOLDER")
    if snapshots is not None:
        return read_snapshots(snapshots)
    assert data is not None
    queues = [case for file in sorted(data.glob("wt[0-9]*.txt")) for case in read_queues(file)]
    cases = queues or read_li_lim(data)
    if not cases:
        raise click.UsageError(f"{data}: no wtN.txt file and no folder of instances here")
    return cases


def _plan(case: Case, budget: Budget, seed: int) -> dict[str, Any]:
    problem = case.problem
    routes, took_ms = _timed(lambda: search(problem, budget, seed))
    cost = evaluate(problem, routes)
    return {
        "name": case.name,
        "size": case.size,
        "objective": round(cost, 4),
        "first_come_objective": round(evaluate(problem, first_come(problem)), 4),
        **_against(cost, case.best_known),
        **took_ms,
        "routes": [[case.ids[move] for move in route] for route in routes],
    }


def _tour(case: Pickups, budget: Budget, seed: int) -> dict[str, Any]:
    """As `_plan`, with the distance as the cost. A best that needs fewer vehicles is not beaten
    by a shorter way."""
    assert budget.clock is not None
    clock, seconds = budget.clock, budget.seconds
    tours, took_ms = _timed(lambda: plan_tours(case, seconds, seed, clock))
    against = _against(tours.distance, case.best_distance)
    if tours.late > 0 or len(tours.routes) > (case.best_vehicles or 0):
        against["is_best_known"] = against["is_new_best"] = False
    return {
        "name": case.name,
        "size": case.name[:-2],
        "objective": round(tours.distance, 4),
        "first_come_objective": None,
        **against,
        "vehicles": len(tours.routes),
        "best_known_vehicles": case.best_vehicles,
        "windows_missed_by": round(tours.late, 4),
        **took_ms,
        "routes": tours.routes,
    }


def _timed(work: Callable[[], T]) -> tuple[T, dict[str, float]]:
    before = {name: clock() for name, clock in CLOCKS.items()}
    done = work()
    return done, {
        f"ms_{name}": round(1000 * (clock() - before[name]), 1) for name, clock in CLOCKS.items()
    }


def _against(cost: float, best: float | None) -> dict[str, Any]:
    gap = None
    if best is not None and (best > 0 or cost <= SAME):
        gap = round(100 * (cost / best - 1), 4) + 0.0 if best > 0 else 0.0
    return {
        "best_known_objective": best,
        "gap_percent": gap,
        "is_best_known": best is not None and cost <= best + SAME,
        "is_new_best": best is not None and cost < best - SAME,
    }


def _summary(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per size: how many reached the least known cost, the gaps, and the longest time."""
    rows = []
    for size in dict.fromkeys(result["size"] for result in results):
        same = [result for result in results if result["size"] == size]
        gaps = [result["gap_percent"] for result in same if result["gap_percent"] is not None]
        rows.append(
            {
                "size": size,
                "instances": len(same),
                "at_best_known": sum(result["is_best_known"] for result in same),
                "new_best": sum(result["is_new_best"] for result in same),
                "median_gap_percent": round(median(gaps), 3) if gaps else None,
                "worst_gap_percent": round(max(gaps), 3) if gaps else None,
                "longest_ms_cpu": max(result["ms_cpu"] for result in same),
                "longest_ms_wall": max(result["ms_wall"] for result in same),
            }
        )
    return rows


def _line(result: dict[str, Any]) -> str:
    gap, first = result["gap_percent"], result["first_come_objective"]
    fleet = f"  {result['vehicles']} vehicles" if "vehicles" in result else ""
    return (
        f"{result['name']:<16} {result['objective']:>10.2f}{fleet}"
        f"{'' if first is None else f'  first come {first:>10.2f}'}"
        f"  gap {'-' if gap is None else f'{gap:.2f} %':>8}  {result['ms_cpu']:>6.0f} ms"
    )
