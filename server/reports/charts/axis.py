"""The scale of a chart: from where to where, and at which round values it is marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count

from server.reports.sheet import COUNT, PERCENT, SECONDS

# Spans are marked at what people read on a clock: 30 s, 5 min, 2 h.
_SPANS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_ROUND = (1, 2, 2.5, 5)


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, marked at `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def axis_for(bottom: float, top: float, kind: str, ticks_max: int = 5) -> Axis:
    """A scale that holds both values and 0, with about `ticks_max` steps."""
    if kind == PERCENT and bottom >= 0 and top <= 100:
        return Axis(0, 100, (0, 25, 50, 75, 100))
    step = _step((top - bottom) / ticks_max, kind)
    low, high = math.floor(bottom / step) * step, math.ceil(top / step) * step
    if high == low:
        high = low + step
    steps = round((high - low) / step)
    return Axis(low, high, tuple(round(low + index * step, 6) for index in range(steps + 1)))


def _step(least: float, kind: str) -> float:
    if kind == SECONDS:
        known = next((span for span in _SPANS_S if span >= least), None)
        return known if known is not None else math.ceil(least / 86400) * 86400
    if least <= 0:
        return 1
    floor = math.floor(math.log10(least))
    candidates = (base * 10.0**power for power in count(floor) for base in _ROUND)
    return next(
        step for step in candidates if step >= least and (kind != COUNT or step == int(step))
    )
