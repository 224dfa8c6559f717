"""What each policy makes of each shipped scenario, over several seeds; and how near to the best the
live planner comes where the best can be found by trying everything.

`make bench-dispatch` runs this file and writes the figures to VALET_TEST_BENCH_JSON.
VALET_TEST_DISPATCH_SEEDS: how many nights each (5).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from server.dispatch import planner
from server.dispatch.plan import Plan
from server.dispatch.route_search import Budget
from server.dispatch.scenario_data import Scenario
from server.dispatch.scenario_file import SCENARIOS, read_scenario
from server.dispatch.snapshot import Snapshot
from server.dispatch.twin_bound import bound_s
from server.dispatch.twin_figures import cpu_figures
from server.dispatch.twin_figures import figures as figures_of
from server.dispatch.twin_play import play_night
from server.dispatch.twin_policies import POLICIES
from tests.bench import exact_plan
from tests.bench.conftest import Figures
from tests.bench.dispatch_table import COLUMNS, dispatch_table

_SEEDS = range(1, 1 + int(os.environ.get("VALET_TEST_DISPATCH_SEEDS", "5")))
_LEAST_MOVES, _MOST_RUNNERS, _SNAPSHOTS = 4, 7, 20


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Filled by the tests of this file, scenario by scenario."""
    return []


@pytest.mark.parametrize("name", SCENARIOS)
def test_policies_on_a_scenario(name: str, figures: Figures, rows: list[dict[str, Any]]) -> None:
    district = read_scenario(name)
    bounds = {seed: bound_s(district, seed) for seed in _SEEDS}
    for policy in POLICIES:
        nights, scenario = [], district if policy == "live" else without_staging(district)
        for seed in _SEEDS:
            night = play_night(scenario, policy, seed)
            found = figures_of(scenario, night, bounds[seed])
            assert found["left"] == 0
            nights.append({**found, "plan_p95_ms": cpu_figures(night)["p95_ms"]})
        row = _spread(nights)
        rows.append({"scenario": name, "policy": policy, **row})
        figures[f"dispatch {name} {policy}"] = {
            f"{figure}_{part}": value
            for figure, parts in row.items()
            for part, value in parts.items()
        }
    live, first = rows[-1], next(row for row in rows if row["scenario"] == name)
    assert live["cost_min"]["median"] <= first["cost_min"]["median"]
    print(f"\n{dispatch_table(rows)}")


@pytest.mark.parametrize("name", ["ordinary", "runner_short", "theatre", "friday_wave"])
def test_what_bringing_cars_near_is_worth(name: str, figures: Figures) -> None:
    district = read_scenario(name)
    rows = []
    for staged, scenario in ((True, district), (False, without_staging(district))):
        nights = [figures_of(scenario, play_night(scenario, "live", s), 0.0) for s in _SEEDS]
        row = _spread([{**night, "plan_p95_ms": 0.0} for night in nights])
        rows.append({"scenario": name, "policy": "live" if staged else "nothing near", **row})
        figures[f"dispatch {name} {rows[-1]['policy']}"] = {
            f"{figure}_{part}": value
            for figure, parts in row.items()
            for part, value in parts.items()
        }
    print(f"\n{dispatch_table(rows)}")


def without_staging(scenario: Scenario) -> Scenario:
    """The same spaces, all of them at the kerb: for who brings no car near, and as the price of
    doing so."""
    places = {
        name: replace(place, kerb_spaces=place.kerb_spaces + place.staging_spaces, staging_spaces=0)
        for name, place in scenario.places.items()
    }
    return replace(scenario, places=places)


def _spread(nights: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for figure, where in COLUMNS.items():
        values = sorted(_at(night, where) for night in nights)
        found[figure] = {
            "median": round(median(values), 3),
            "least": round(values[0], 3),
            "most": round(values[-1], 3),
        }
    return found


def _at(night: dict[str, Any], where: Sequence[str]) -> float:
    value: Any = night
    for name in where:
        value = value[name]
    return float(value)


def test_small_snapshots_against_the_best_plan_there_is(figures: Figures) -> None:
    seen: list[Snapshot] = []

    def watching(snapshot: Snapshot, seed: int, budget: Budget) -> Plan:
        is_small = _LEAST_MOVES <= len(snapshot.moves) <= exact_plan.MOST_MOVES
        if is_small and len(snapshot.runners) <= _MOST_RUNNERS:
            # Only what is wanted can be tried in every order: no forecast, no plan in force.
            seen.append(replace(snapshot, standing={}, expected=(), stageable=()))
        return planner.plan(snapshot, seed, budget)

    play_night(read_scenario("runner_short"), watching, 1)
    step = max(1, len(seen) // _SNAPSHOTS)
    gaps = []
    for snapshot in seen[::step][:_SNAPSHOTS]:
        best = exact_plan.least_cost(exact_plan.model(snapshot).problem)
        cost = exact_plan.cost_of(snapshot, planner.plan(snapshot))
        assert cost >= best - 1e-6
        gaps.append((cost - best) / max(best, 1.0))
    gaps.sort()
    print(f"\ngaps to the best plan of {len(gaps)} snapshots: {[round(gap, 4) for gap in gaps]}")
    figures["dispatch against the best plan"] = {
        "snapshots": float(len(gaps)),
        "median_share": round(median(gaps), 5),
        "most_share": round(gaps[-1], 5),
        "found_best": float(sum(gap < 1e-6 for gap in gaps)),
    }
    assert median(gaps) <= 0.02
