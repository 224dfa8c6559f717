"""What came of a question "what if": the differences over its seeds, paired.

Each seed was played with and without the change under the same chance; a difference is taken
within the pair. What is told of them is the median and the range from the least to the most, of
so many seeds; a change is clear where all of them point the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

SECONDS = "seconds"
CAR_MINUTES = "car_minutes"
PERCENT = "percent"
CARS = "cars"

# The figure, what it is counted in, and whether less of it is better.
MEASURES: Sequence[tuple[str, str, bool]] = (
    ("wait_median", SECONDS, True),
    ("wait_p90", SECONDS, True),
    ("overflow", CAR_MINUTES, True),
    ("cost", SECONDS, True),
    ("kept", PERCENT, False),
    ("left", CARS, True),
)
_FIGURES = {
    "wait_median": ("wait_median_min", 60.0),
    "wait_p90": ("wait_p90_min", 60.0),
    "overflow": ("overflow_min", 1.0),
    "cost": ("cost_min", 60.0),
    "kept": ("kept_percent", 1.0),
    "left": ("left", 1.0),
}
LESS, MORE, SAME, UNCLEAR = "less", "more", "same", "unclear"


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure without and with the change (medians over the seeds), and the differences within
    the pairs: with minus without. `better`: in how many of `n` seeds the change does good."""

    key: str
    unit: str
    without: int
    with_it: int
    middle: int
    least: int
    most: int
    better: int
    n: int

    @property
    def way(self) -> str:
        """Which way it goes: `LESS` or `MORE` where no seed says otherwise, `SAME` where nothing
        changes, else `UNCLEAR`."""
        if self.least == self.most == 0:
            return SAME
        if self.most <= 0 and self.middle < 0:
            return LESS
        return MORE if self.least >= 0 and self.middle > 0 else UNCLEAR


def differences(played: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """All figures of the seeds that are played; none without any."""
    if not played:
        return []
    return [_difference(key, unit, is_less_good, played) for key, unit, is_less_good in MEASURES]


def _difference(
    key: str, unit: str, is_less_good: bool, played: Sequence[Mapping[str, Any]]
) -> Difference:
    name, factor = _FIGURES[key]
    pairs = [
        (round(pair["without"][name] * factor), round(pair["with"][name] * factor))
        for pair in played
    ]
    changes = [after - before for before, after in pairs]
    return Difference(
        key=key,
        unit=unit,
        without=round(median(before for before, _ in pairs)),
        with_it=round(median(after for _, after in pairs)),
        middle=round(median(changes)),
        least=min(changes),
        most=max(changes),
        better=sum(change < 0 if is_less_good else change > 0 for change in changes),
        n=len(changes),
    )
