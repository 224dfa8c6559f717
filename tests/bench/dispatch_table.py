"""The figures of policies as a Markdown table: medians, and from least to most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS: Mapping[str, Sequence[str]] = {
    "wait_mean_min": ("wait", "mean_min"),
    "wait_p95_min": ("wait", "p95_min"),
    "overflow_min": ("overflow_min",),
    "empty_share": ("empty_share",),
    "moves_per_runner_h": ("moves_per_runner_h",),
    "promises_kept": ("promises", "kept"),
    "cost_min": ("cost_min",),
    "bound_min": ("bound_min",),
    "plan_p95_ms": ("plan_p95_ms",),
}
_HEADS = {
    "wait_mean_min": "wait, mean (min)",
    "wait_p95_min": "p95",
    "overflow_min": "kerb overflow (car-min)",
    "empty_share": "empty share",
    "promises_kept": "promises kept",
    "cost_min": "cost (min a car)",
    "bound_min": "bound",
}


def dispatch_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each scenario and policy."""
    lines = [
        "| scenario | policy | " + " | ".join(_HEADS.values()) + " |",
        "| --- | --- |" + " --- |" * len(_HEADS),
    ]
    for row in rows:
        cells = [_cell(figure, row[figure]) for figure in _HEADS]
        lines.append(f"| {row['scenario']} | {row['policy']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: str, spread: Mapping[str, float]) -> str:
    is_share = figure in ("empty_share", "promises_kept")
    middle, least, most = (
        f"{value:.0%}" if is_share else f"{value:.1f}"
        for value in (spread["median"], spread["least"], spread["most"])
    )
    return middle if least == most else f"{middle} ({least}–{most})"
