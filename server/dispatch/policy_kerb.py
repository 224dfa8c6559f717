"""What it costs that a car stays at a kerb: the chance that somebody else needs its space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KerbLine:
    """From `due_min` minutes from now on, each minute costs `weight` of the kerb's price."""

    due_min: float
    weight: float


@dataclass(frozen=True, slots=True)
class Kerb:
    """One kerb's next minutes if no car were driven away from it.

    `standing[t]`: cars that will stand there in t minutes as far as is known; `expected[t]`: how
    many more will have come by then in the mean. Both are equally long.
    """

    spaces: int
    standing: Sequence[int]
    expected: Sequence[float]


def overdue_min(kerb: Kerb, departures: int) -> list[list[float]]:
    """Per departure, by minute: for how many minutes until then it will have been missing.

    The first departure is missing while the kerb overflows, the next while it would overflow by
    two, and so on. Arrivals are taken to be Poisson.
    """
    missing = [[0.0] for _ in range(departures)]
    for standing, mean in zip(kerb.standing[:-1], kerb.expected[:-1], strict=True):
        spare = kerb.spaces - standing
        at_most = _poisson_at_most(mean, spare + departures)
        for index, sums in enumerate(missing):
            room = spare + index
            sums.append(sums[-1] + (1.0 if room < 0 else max(0.0, 1.0 - at_most[room])))
    return missing


def _poisson_at_most(mean: float, most: int) -> list[float]:
    """Per count up to `most`: the chance of no more than that."""
    chance = total = math.exp(-mean)
    sums = [total]
    for count in range(1, most + 1):
        chance *= mean / count
        total += chance
        sums.append(total)
    return sums


def kerb_line(sums: Sequence[float], first: int, last: int, least: float) -> KerbLine:
    """A line with one bend through what `overdue_min` says of two minutes: a drive has no more.

    Between them is when a runner can be there; `least` keeps a car that nobody needs to move
    from being forgotten.
    """
    last = min(last, len(sums) - 1)
    first = min(first, last - 1)
    weight = max(least, (sums[last] - sums[first]) / (last - first))
    return KerbLine(last - sums[last] / weight, weight)
