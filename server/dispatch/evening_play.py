"""Plays an evening: minute by minute, the twin shows what is known and the policy gives orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from server.dispatch.evening_data import Evening, Ground
from server.dispatch.evening_rules import Leg, Twin
from server.dispatch.evening_score import EveningScore, quantile, score
from server.dispatch.evening_seen import Policy

# A policy that leaves a car standing for ever would never end the evening.
_LAST_MIN_OVER_HORIZON = 3000

MakePolicy = Callable[[Ground, int, int], Policy]


class EveningNotOver(Exception):
    """The policy left cars standing long after the evening. `code` for a caller."""

    code = "evening_not_over"


@dataclass(frozen=True, slots=True)
class Played:
    """What became of an evening. The CPU figures are this machine's; all else is reproducible."""

    score: EveningScore
    legs: list[Leg]
    decisions: int
    cpu_p50_ms: float
    cpu_p95_ms: float
    cpu_max_ms: float


def play(evening: Evening, runners: int, make_policy: MakePolicy, seed: int) -> Played:
    """Play one evening to its end. Raises `OrderRefused` or `EveningNotOver` for a bad policy."""
    twin = Twin(evening, runners)
    policy = make_policy(evening.ground, runners, seed)
    cpu_ms: list[float] = []
    while not twin.is_over:
        seen = twin.next_minute()
        before = time.process_time()
        orders = policy.decide(seen)
        cpu_ms.append((time.process_time() - before) * 1000)
        twin.obey(orders)
        if twin.now > evening.ground.horizon_min + _LAST_MIN_OVER_HORIZON:
            raise EveningNotOver(f"{evening.name}: cars still stand at minute {twin.now}")
    cpu_ms.sort()
    return Played(
        score=score(evening, twin.legs, runners),
        legs=twin.legs,
        decisions=len(cpu_ms),
        cpu_p50_ms=quantile(cpu_ms, 0.5),
        cpu_p95_ms=quantile(cpu_ms, 0.95),
        cpu_max_ms=cpu_ms[-1],
    )
