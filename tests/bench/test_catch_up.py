"""How the time to catch up grows with what waits: it should be so much an event, and no more."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

from tests.bench.conftest import Figures
from tests.bench.drain import drain
from tests.bench.outage import learn_district, live_through
from tests.bench.town import Town

LENGTHS = (1_000, 2_000, 5_000, 10_000, 20_000)
ROUNDS = 3


def test_catch_up_by_length_of_the_queue(town: Town, tmp_path: Path, figures: Figures) -> None:
    outages = {}
    for count in LENGTHS:
        outages[count] = town.enrol(f"station-{count}", tmp_path / f"before-{count}")
        with town.serving("sqlite", tmp_path / f"first-{count}") as cloud:
            learn_district(outages[count], cloud.url)
        live_through(outages[count], count)
    seconds: dict[int, list[float]] = {count: [] for count in LENGTHS}
    for number in range(ROUNDS):
        for count, outage in outages.items():
            folder = tmp_path / f"{number}-{count}"
            seconds[count].append(drain(town, "sqlite", outage, count, folder).seconds)
    medians = {count: statistics.median(found) for count, found in seconds.items()}
    for count, median_s in medians.items():
        figures[f"catch-up sqlite, {count} waiting"] = {
            "n": float(ROUNDS),
            "min_s": round(min(seconds[count]), 3),
            "median_s": round(median_s, 3),
            "max_s": round(max(seconds[count]), 3),
        }
    figures["catch-up sqlite: straight line"] = straight_line(medians)


def straight_line(points: Mapping[int, float]) -> dict[str, float]:
    """The least-squares line through these, and how far the points lie off it: the greatest
    distance as a share of the point, and the share of the spread that the line explains."""
    slope, intercept = statistics.linear_regression(list(points), list(points.values()))
    off = [abs(slope * x + intercept - y) / y for x, y in points.items()]
    return {
        "n": float(len(points)),
        "us_an_event": round(1e6 * slope, 1),
        "start_ms": round(1e3 * intercept, 1),
        "largest_residual_percent": round(100 * max(off), 1),
        "r_squared": round(statistics.correlation(list(points), list(points.values())) ** 2, 4),
    }
