"""How much simulated time one core gets through, and where it goes."""

from __future__ import annotations

import cProfile
import pstats
import time

from tests.bench.conftest import Figures
from tests.simulation.run import Tally, Task, play
from tests.simulation.world import EACH, Scale, World

FIRST_SEED = 1
SEEDS = 4


def test_simulated_booth_hours_a_second(figures: Figures) -> None:
    whole = Tally()
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        played = play(Task(seed, EACH, Scale()))
        assert played.failure is None, played.failure
        whole.add(played)
    print(f"\n{whole.words()}")
    hours, faults = whole.booth_hours, whole.faults.total() + whole.failed_requests
    figures["simulation"] = {
        "booth_hours_per_cpu_s": round(hours / whole.cpu_s, 1),
        "events_per_cpu_s": round(whole.events / whole.cpu_s, 1),
        "faults_per_cpu_s": round(faults / whole.cpu_s, 1),
        "events_per_booth_hour": round(whole.events / hours, 1),
        "faults_per_booth_hour": round(faults / hours, 1),
    }
    assert whole.events > 0


def test_where_the_time_goes() -> None:
    # By CPU time: what else runs on the machine is nobody's fault.
    profile = cProfile.Profile(time.process_time)
    with World(FIRST_SEED, Scale()) as world:
        profile.enable()
        world.run(1)
        profile.disable()
    shares = _shares(pstats.Stats(profile))
    for name, share in sorted(shares.items(), key=lambda one: -one[1]):
        print(f"{share:6.1%} {name}")
    assert shares


def _shares(stats: pstats.Stats) -> dict[str, float]:
    """Own time by package: what a task spends is then counted where it is spent."""
    found: dict[str, float] = {}
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    for (path, _, name), (_, _, own_s, _, _) in rows.items():
        found[_package(path, name)] = found.get(_package(path, name), 0.0) + own_s
    whole = sum(found.values())
    return {name: own_s / whole for name, own_s in found.items()}


def _package(path: str, name: str) -> str:
    for known in ("sqlalchemy", "marshmallow", "flask", "werkzeug", "simulation", "reader_agent"):
        if f"/{known}" in path:
            return known
    for ours in ("server", "schemas"):
        if f"/{ours}/" in path:
            return ours
    if path == "~" and "dbapi2" in name:
        return "SQLite of the cloud"
    return "SQLite of the stations" if path == "~" and "sqlite3" in name else "the rest"
