"""Coverage where it tells something, and nowhere else: measuring makes Python two times slower.

The unit and integration tests reach the lines. What does the same thing a thousand times, what
needs a browser and what runs once more on PostgreSQL or with other values reaches no others, or so
few that the marker `measured` on the cheapest of those tests brings them in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import coverage
import pytest

PREFIX = "COVERAGE_"


def unmeasured() -> dict[str, str]:
    """The environment without what makes a child process measure its coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def is_measured(item: pytest.Item, tier: str) -> bool:
    """Whether a test's coverage is news; `tier` is the directory that it lies in."""
    if item.get_closest_marker("measured") is not None:
        return True
    if tier == "unit":
        return True
    return tier == "integration" and not _is_further_case(item)


def _is_further_case(item: pytest.Item) -> bool:
    """Whether a test runs again, with another database or other values."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(callspec.indices.values())


@contextmanager
def unmeasuring() -> Iterator[None]:
    """Let coverage stand still inside the block, also in the processes that are started there."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    paused: list[coverage.Coverage] = []
    # In a worker of pytest-xdist several lie on one another: the next takes over from the stopped.
    while (measuring := coverage.Coverage.current()) is not None:
        measuring.stop()
        paused.append(measuring)
    try:
        yield
    finally:
        for measuring in reversed(paused):
            measuring.start()
        os.environ.update(kept)
