"""Where the benchmarks put their figures: one JSON file for the whole run."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

Figures = dict[str, dict[str, float]]


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Collect `figures["journal append"] = {"p50_ms": 0.4, "p99_ms": 2.1}`; units last in names.

    Written as JSON to the path in VALET_TEST_BENCH_JSON (`make bench` sets it) when the run ends.
    """
    collected: Figures = {}
    yield collected
    target = os.environ.get("VALET_TEST_BENCH_JSON")
    if target:
        report = {"command": "make bench", "machine": machine(), "figures": collected}
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", "utf-8")


def machine() -> dict[str, str | int | None]:
    """Describe what the figures were measured on; they mean nothing without it."""
    return {
        "cpu_count": os.cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
