"""Where the benchmarks put their figures: one JSON file for the whole run."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.bench.peers import programs
from tests.bench.town import Town

Figures = dict[str, Mapping[str, float | str]]

_FIGURES: Figures = {}
MISSING = "missing"


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Collect `figures["journal append"] = {"p50_ms": 0.4, "p99_ms": 2.1}`; units last in names.

    What could not be measured has a figure too: `{"missing": what is lacking, how to get it}`.
    Written as JSON to the path in VALET_TEST_BENCH_JSON (`make bench` sets it) when the run ends.
    """
    yield _FIGURES
    target = os.environ.get("VALET_TEST_BENCH_JSON")
    if target:
        report = {"command": "make bench", "machine": machine(), "figures": _FIGURES}
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", "utf-8")


@pytest.fixture(scope="module")
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A cloud on both databases, for the stations of one file."""
    return Town(request, tmp_path_factory.mktemp("town"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last of all what was not measured, and what is less than we set ourselves."""
    for name, figure in sorted(_FIGURES.items()):
        if MISSING in figure:
            terminalreporter.write_line(f"NOT MEASURED {name}: {figure[MISSING]}", yellow=True)
        elif figure.get("median", 0) < figure.get("least", 0):  # type: ignore[operator]
            wanted = f"{figure['median']}, at least {figure['least']} wanted"
            terminalreporter.write_line(f"TOO LITTLE {name}: {wanted}", yellow=True)


def machine() -> dict[str, str | int | None]:
    """Describe what the figures were measured on; they mean nothing without it."""
    found = postgres.find_bin_dir()
    return {
        "cpu_count": os.cpu_count(),
        "load_1_min": f"{os.getloadavg()[0]:.1f}",
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite_at_the_station": sqlite3.sqlite_version,
        "postgresql_programs": None if found is None else str(found),
        "psycopg": psycopg.__version__,
        **{name: programs.version(name) for name in programs.PEERS},
    }
