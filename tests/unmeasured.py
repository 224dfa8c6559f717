"""Processes that are killed over and over: measuring coverage in them costs more than they do."""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """The environment without what makes a child process measure its coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
