"""A hundred stations and three thousand drivers against two doors and two workers on PostgreSQL.

`VALET_TEST_LOAD_S` says how long (600 s): half of it at the rate of an evening, then more and more
until a goal is missed. The goals: an event is visible at other stations and on its driver's page
within a second, and a page comes within 100 ms, at the 95th in a hundred; memory does not grow; not
one answer of 500 or more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from server.database import Database
from server.models import QuarantineRow
from tests import postgres
from tests.bench.conftest import Figures
from tests.bench.load_stage import LoadStage, Samples, costs
from tests.cloud_kit import CloudKit
from tests.stores import new_store
from tests.visit_story import settings

LOAD_S = float(os.environ.get("VALET_TEST_LOAD_S", "600"))
IS_APART = os.environ.get("VALET_TEST_LOAD_APART", "") == "1"
"""Whether stations have one door and drivers the other, as a balancer can tell them by the path."""
FACTORS = (2.0, 4.0, 6.0, 8.0, 12.0)
RATES: Final = {"pages_per_s": 8.0, "cars_per_s": 1 / 6}
"""An evening of five hours: 3,000 cars come and 3,000 go, whoever waits looks every half minute,
and one in ten of the others has the page open."""
GOALS: Final = {"visible_p95_ms": 1_000.0, "page_p95_ms": 100.0}
GROWTH_MB_PER_MIN = 0.5
EVENING: Final = "an evening"
_ROOT = Path(__file__).resolve().parents[2]


def phases() -> list[dict[str, Any]]:
    """The rate of an evening for half of the time, then each more for a tenth."""
    more = [
        {"name": f"{factor:g} times", "seconds": LOAD_S / 10, "factor": factor}
        for factor in FACTORS
    ]
    warm_s = min(30.0, LOAD_S / 5)
    return [
        {"name": "warming up", "seconds": warm_s, "factor": 1.0},
        {"name": EVENING, "seconds": LOAD_S / 2 - warm_s, "factor": 1.0},
        *more,
    ]


def test_a_hundred_stations_and_three_thousand_drivers(
    request: pytest.FixtureRequest,
    postgres_cluster: postgres.Cluster,
    tmp_path: Path,
    figures: Figures,
) -> None:
    url = new_store(request, "postgresql", tmp_path).url
    stage = LoadStage(CloudKit(Database(url), settings(tmp_path / "cloud", url)), tmp_path)
    stage.fill()
    # Each phone comes from its own address, as a load balancer says it.
    settled = {"BEHIND_PROXIES": "1", "THREADS": "160"}
    with closing(stage.kit.database), stage.served(**settled) as (cloud, samples):
        ports = [door.port for door in cloud.doors]
        doors = {"station_ports": ports, "driver_ports": ports}
        if IS_APART:
            doors = {"station_ports": ports[:1], "driver_ports": ports[1:]}
        spec = stage.spec(phases(), rates=RATES, goals=GOALS, **doors)
        began_s, before = time.monotonic(), costs(cloud, postgres_cluster)
        played = play(spec, tmp_path / "answers.json")
        took_s, after = time.monotonic() - began_s, costs(cloud, postgres_cluster)
        said = cloud.errors()
        refused = stage.kit.count(QuarantineRow)
    requests = sum(sum(phase["requests"].values()) for phase in played.values())
    for name, phase in played.items():
        figures[f"load, {name}"] = figure_of(phase)
    figures["load, all"] = {
        "seconds": round(took_s, 1),
        "requests": float(requests),
        **{f"{kind}_cpu_cores": round((after[kind] - before[kind]) / took_s, 3) for kind in after},
        **{
            f"{kind}_cpu_ms_per_request": round(1e3 * (after[kind] - before[kind]) / requests, 2)
            for kind in after
        },
        **memory(samples),
    }
    statuses = {int(each) for phase in played.values() for each in phase["statuses"]}
    assert max(statuses) < 500, said[-4000:]
    assert min(statuses) > 0, "every request was answered"
    assert refused == 0


def play(spec: Path, answers: Path) -> Mapping[str, Any]:
    """Let the player do its work in a process of its own; what it measured."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load_player", spec, answers],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=LOAD_S * 2 + 300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: Mapping[str, Any] = json.loads(answers.read_text())
    return found


def figure_of(phase: Mapping[str, Any]) -> dict[str, float | str]:
    """What is told of one phase."""
    seconds = phase["seconds"]
    goals = {
        "page_p95_ms": rank(phase["pages"], 95),
        "visible_p95_ms": rank(phase["at_stations"], 95),
    }
    is_met = all(goals[name] <= goal for name, goal in GOALS.items())
    return {
        "factor": phase["factor"],
        "seconds": round(seconds, 1),
        "pages_per_s": round(len(phase["pages"]) / seconds, 1),
        "events_per_s": round((len(phase["accepted"]) + len(phase["asks"])) / seconds, 2),
        "requests_per_s": round(sum(phase["requests"].values()) / seconds, 1),
        "statuses": json.dumps(phase["statuses"], sort_keys=True),
        **spread("page", phase["pages"]),
        **spread("ask", phase["asks"]),
        **spread("accepted", phase["accepted"]),
        **spread("visible", phase["at_stations"]),
        **spread("visible_at_last", phase["at_last_station"]),
        **spread("visible_to_driver", phase["at_drivers"]),
        "player_cpu_cores": round(phase["cpu_s"] / seconds, 3),
        "goals": "met" if is_met else "missed",
        **{f"goal_{name}": goal for name, goal in GOALS.items()},
    }


def spread(name: str, samples_ms: list[float]) -> dict[str, float]:
    """The middle, the 95th and the 99th in a hundred, and how many there were."""
    return {
        f"{name}_n": float(len(samples_ms)),
        **{f"{name}_p{percent}_ms": rank(samples_ms, percent) for percent in (50, 95, 99)},
    }


def rank(samples_ms: list[float], percent: int) -> float:
    """By nearest rank; 0 without any."""
    ordered = sorted(samples_ms)
    return round(ordered[-(-percent * len(ordered) // 100) - 1], 1) if ordered else 0.0


def memory(samples: Samples) -> dict[str, float]:
    """What each process held at the end, and how much it grew a minute once all was warm: in the
    second half of the evening."""
    found = {"goal_growth_mb_per_min": GROWTH_MB_PER_MIN}
    for name, held in samples.resident_mb.items():
        slope = samples.slope_mb_per_min(name, LOAD_S / 4, LOAD_S / 2)
        found[f"{name}_mb"] = round(held[-1], 1)
        found[f"{name}_growth_mb_per_min"] = round(slope, 2)
    return found
