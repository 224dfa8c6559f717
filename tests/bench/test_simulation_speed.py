"""How much simulated time one core gets through, and where it goes."""

from __future__ import annotations

import cProfile
import pstats
import time

from tests.simulation.world import Scale, World

SEED = 1
HOURS = 8.0


def test_simulated_booth_hours_a_second() -> None:
    with World(SEED, Scale(night_s=HOURS * 3600)) as world:
        began_s = time.process_time()
        world.run(1)
        took_s = time.process_time() - began_s
        booths = sum(machine.is_booth for machine in world.machines.values())
        events = sum(
            len(one.now) for m in world.machines.values() for one in m.disk.journals.values()
        )
        requests = sum(machine.line.requests for machine in world.machines.values())
        faults = sum(world.faults.counts.values()) + sum(
            machine.line.faults for machine in world.machines.values()
        )
    print(
        f"\n{HOURS * booths / took_s:.1f} simulated booth-hours a CPU second ({booths} booths and"
        f" a lot), {events / HOURS:.0f} events a simulated hour, {1000 * took_s / events:.0f} ms an"
        f" event, {requests / took_s:.0f} requests/s, {faults / took_s:.0f} faults/s"
    )
    assert events > 0


def test_where_the_time_goes() -> None:
    profile = cProfile.Profile()
    with World(SEED, Scale(night_s=2 * 3600.0)) as world:
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
