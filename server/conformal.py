"""How wide a promise has to be: split-conformal windows whose level adapts. Plain numbers only.

A *score* says how late a car was against the plan's own estimate, in units of the slack that the
configuration gives to such a wait: 0 is as planned, 1 is the whole slack.

A window ends at the score that all but a share of the last cars did not exceed (split-conformal;
Vovk et al., "Algorithmic Learning in a Random World", 2005). The share that may be missed is what
is aimed at, moved by every outcome: down by nine parts when a promise did not hold, up by one when
it did, where one in ten may be missed (Gibbs and Candès, "Adaptive Conformal Inference Under
Distribution Shift", NeurIPS 2021). So in the long run nine in ten hold whatever happens to the
city: windows open within a few cars when everything gets slower, and close again.

Until there are outcomes, scores that the configuration stands for take their place: such that the
slack itself is what nine in ten do not exceed. They go when there are enough real ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# One car that was forgotten for an hour must not move what all others are told.
_FAR = 4.0
_MISSED_MOST = 0.5
# With so many real scores for each assumed one, the assumed ones have had their say.
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class Aim:
    """`missed`: the share of promises that may be broken. `step`: how quickly the level moves.
    `assumed`: how many scores the configuration stands for."""

    missed: float
    step: float
    assumed: int


@dataclass(frozen=True, slots=True)
class Level:
    """What was learned. `missed`: the share that the next window may miss. In slacks after the
    plan's estimate: `middle` when cars are ready on average, `width` where a window ends."""

    missed: float
    middle: float = 0.0
    width: float = 1.0


def next_missed(missed: float, aim: Aim, *, was_kept: bool) -> float:
    """The share that the next window may miss, after one more outcome."""
    moved = missed + aim.step * (aim.missed - (0.0 if was_kept else 1.0))
    return min(max(moved, 0.0), _MISSED_MOST)


def level(scores: Sequence[float], missed: float, aim: Aim) -> Level:
    """The level after these scores of the last cars, in any order."""
    pool = sorted([*scores, *_assumed(aim)] if len(scores) < _ENOUGH * aim.assumed else scores)
    return Level(missed, _middle(scores, aim), max(0.0, _upper(pool, missed)))


def _upper(pool: Sequence[float], missed: float) -> float:
    """The conformal bound: one more value of the same kind is below it with the wanted chance."""
    if not pool:
        return 1.0
    rank = math.ceil((1.0 - missed) * (len(pool) + 1))
    return pool[min(max(rank, 1), len(pool)) - 1]


def _middle(scores: Sequence[float], aim: Aim) -> float:
    """The mean of the scores, nearer to the plan's own estimate the fewer there are."""
    near = sum(min(max(score, -_FAR), _FAR) for score in scores)
    return near / (len(scores) + aim.assumed) if scores else 0.0


def _assumed(aim: Aim) -> list[float]:
    spread = 0.5 - aim.missed
    return [((number + 0.5) / aim.assumed - 0.5) / spread for number in range(aim.assumed)]
