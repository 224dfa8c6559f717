"""Nights for tests: a small scenario, and a queue of which the books know everything."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from schemas.district import BOOTH, LOT, Place
from server.dispatch.scenario_data import (
    EXPONENTIAL,
    Car,
    Noise,
    Recorded,
    Scenario,
    Shift,
    Stays,
)
from server.dispatch.scenario_file import read_scenario
from server.dispatch.snapshot import Travel
from server.dispatch.twin_trace import Night

SMALL: dict[str, Any] = {
    "name": "a small night",
    "district": "scenario_district.json",
    "starts_at": "2026-01-15T18:00:00-05:00",
    "length_min": 200,
    "runners": [{"id": f"r{index}", "place_id": "herrera"} for index in range(3)],
    "arrivals": {"per_hour": {"herrera": [9, 4], "bolivar": [6, 3]}},
    "stays": {"median_min": 60, "least_min": 20, "elsewhere": 0.2, "booked": 0.2},
}


def small(folder: Path, **changes: Any) -> Scenario:
    """The small night with some fields changed."""
    return read_scenario(str(written(folder, **changes)))


def written(folder: Path, **changes: Any) -> Path:
    """The same as a file."""
    path = folder / "scenario.json"
    path.write_text(json.dumps({**SMALL, **changes}))
    return path


def without_cost(night: Night) -> Night:
    """All of a night that does not depend on the machine."""
    return replace(night, cpu_ms=())


def queue(requests: int, runners: int, mean_gap_s: float, service_s: int, seed: int) -> Scenario:
    """Requests by chance, drives of exponential length, no ways without a car: M/M/c.

    Whoever plans is told that a drive takes ten times as long as it does, so that nobody counts
    on a runner who is not back.
    """
    dice = Random(seed)
    cars, at = [], 0.0
    for _ in range(requests):
        at += dice.expovariate(1.0) * mean_gap_s
        cars.append(Car(round(at), "booth", round(at), lot_id="lot"))
    places = {
        "booth": Place("booth", BOOTH, "B", "B", 0, 0, hooks=9, kerb_spaces=9),
        "lot": Place("lot", LOT, "L", "L", 0, 0, hooks=999, stalls=999),
    }
    no_way = Travel(drive_s=0, empty_s=0)
    return Scenario(
        name="queue",
        starts_at=datetime(2026, 1, 15, tzinfo=UTC),
        length_s=round(at),
        places=places,
        travel={("booth", "lot"): no_way, ("lot", "booth"): no_way},
        runners=[Shift(f"r{index}", "lot", 0, 10**9) for index in range(runners)],
        arrivals=Recorded(cars),
        stays=Stays(median_s=1, spread=0.0, least_s=1, last_s=1),
        noise=Noise(factor=0.1, shape=EXPONENTIAL),
        handling_s=10 * service_s,
        take_car_s=1,
        plan_every_s=86_400,
    )
