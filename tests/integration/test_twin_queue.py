"""The twin against queueing theory: where the books know the answer, it must come out."""

from __future__ import annotations

import math
from statistics import mean, stdev

import pytest

from server.dispatch.twin_play import play_night
from tests.night_stage import queue

pytestmark = pytest.mark.usefixtures("unmeasured")

_SERVICE_S = 300
_NIGHTS, _REQUESTS, _WARM_UP = 10, 200, 40


def _erlang_c(runners: int, load: float) -> float:
    """The chance that a request finds everybody busy (Erlang, 1917)."""
    busy = load**runners / math.factorial(runners) * runners / (runners - load)
    return busy / (sum(load**k / math.factorial(k) for k in range(runners)) + busy)


def _mean_stay_s(runners: int, share_busy: float) -> float:
    load = runners * share_busy
    waiting = _erlang_c(runners, load) * _SERVICE_S / (runners - load)
    return waiting + _SERVICE_S


@pytest.mark.parametrize(("runners", "share_busy"), [(1, 0.6), (3, 0.75)])
def test_waits_are_those_of_erlang(runners: int, share_busy: float) -> None:
    gap_s = _SERVICE_S / (runners * share_busy)
    means = []
    for seed in range(_NIGHTS):
        night = play_night(queue(_REQUESTS, runners, gap_s, _SERVICE_S, seed), "first_come", seed)
        asked = night.asked[_WARM_UP:]
        means.append(mean((each.ready_at - each.made_at).total_seconds() for each in asked))
    error = stdev(means) / math.sqrt(_NIGHTS)
    expected = _mean_stay_s(runners, share_busy)
    assert error < 0.12 * expected
    assert abs(mean(means) - expected) < 3 * error
