"""Whole nights are lived through unmeasured: coverage knows no greenlets, and makes them slow."""

from __future__ import annotations

from collections.abc import Iterator

import coverage
import pytest


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Coverage stands still for as long as the test lasts."""
    measuring = coverage.Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    yield
    measuring.start()
