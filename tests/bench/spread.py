"""How figures spread: what every bench says of its samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def of_times(samples_ms: Sequence[float]) -> dict[str, float]:
    """Milliseconds: how many, the least, the middle, the 99th in a hundred, the most."""
    ordered = sorted(samples_ms)
    return {
        "n": float(len(ordered)),
        "min_ms": round(ordered[0], 3),
        "p50_ms": round(statistics.median(ordered), 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 3),
        "max_ms": round(ordered[-1], 3),
    }


def of_rates(events: int, runs_s: Sequence[float]) -> dict[str, float]:
    """Events a second over several runs of so many events each."""
    rates = [events / run_s for run_s in runs_s]
    return {
        "n": float(len(rates)),
        "events_a_run": float(events),
        "min_per_s": round(min(rates), 1),
        "median_per_s": round(statistics.median(rates), 1),
        "max_per_s": round(max(rates), 1),
    }


def of_ratios(ratios: Sequence[float], least: float | None = None) -> dict[str, float]:
    """How many times as much, round by round; `least` is what we set ourselves, if anything."""
    spread = {
        "n": float(len(ratios)),
        "min": round(min(ratios), 3),
        "median": round(statistics.median(ratios), 3),
        "max": round(max(ratios), 3),
    }
    return spread if least is None else {**spread, "least": least}
