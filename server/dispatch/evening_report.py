"""Evenings as rows of figures: one each, and the medians over all with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from server.dispatch.evening_bound import alone_bound_j
from server.dispatch.evening_data import Evening
from server.dispatch.evening_play import Played
from server.dispatch.evening_score import EveningScore

_DIGITS = 4


def row(evening: Evening, runners: int, played: Played) -> dict[str, Any]:
    """One evening's figures.

    `bound` is the file's for that many runners, and a bound of the cars alone (each as if a
    runner stood beside it) where it has none; `bound_is` says which.
    """
    known = evening.bounds.get(runners)
    bound = alone_bound_j(evening) if known is None else known
    figures: dict[str, Any] = {"name": evening.name, "cars": len(evening.cars)}
    figures |= {name: _short(value) for name, value in asdict(played.score).items()}
    figures |= {
        "bound": _short(bound),
        "bound_is": "cars_alone" if known is None else "of_the_file",
        "j_over_bound": _short(played.score.j / bound) if bound > 0 else None,
        "decisions": played.decisions,
        "cpu_p50_ms": _short(played.cpu_p50_ms),
        "cpu_p95_ms": _short(played.cpu_p95_ms),
        "cpu_max_ms": _short(played.cpu_max_ms),
    }
    return figures


def medians(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Per figure its median, least and most over the evenings."""
    names = [*EveningScore.__dataclass_fields__, "j_over_bound", "cpu_p50_ms", "cpu_p95_ms"]
    found: dict[str, dict[str, float]] = {}
    for name in names:
        values = [row[name] for row in rows if row[name] is not None]
        if values:
            found[name] = {
                "median": _short(median(values)),
                "least": min(values),
                "most": max(values),
            }
    return found


def line(figures: dict[str, Any]) -> str:
    """One evening for people."""
    ratio = figures["j_over_bound"]
    return (
        f"{figures['name']}: J {figures['j']:.2f}"
        + (f" = {ratio:.2f} x bound" if ratio is not None else "")
        + f", wait mean {figures['mean_wait_min']:.1f} p95 {figures['p95_wait_min']:.1f} min"
        + f", overflow {figures['overflow_car_min']} car-min"
        + f", empty {figures['empty_share']:.0%}"
        + f", decision p95 {figures['cpu_p95_ms']:.0f} ms"
    )


def _short(value: float) -> float:
    return round(value, _DIGITS)
