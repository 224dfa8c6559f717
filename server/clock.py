"""The only caller of time functions on the cloud side; everything else is given `now`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present as an aware UTC datetime."""
    return datetime.now(UTC)


def mono_ns() -> int:
    """Nanoseconds of a clock that never steps."""
    return time.monotonic_ns()


def mono_s() -> float:
    """Seconds of the same clock, for deadlines."""
    return time.monotonic()
