"""Below what no policy's cost of a night can be: a relaxation that knows the whole night.

Two true bounds, each of any group of requests, so the dearer one of each stretch of time counts:

- *alone*: a runner stands ready beside every car. Each is late by its own true drive only.
- *together*: all runners as one who is as many times as fast, may leave a car half-way, and always
  takes the shortest job first. After a car the runner needs at least the shortest way from
  there to any lot, with or without a car, before the next can be fetched.

Kerbs are endless, parking costs nothing. It holds for policies that have each car in a lot when it
is asked for, neither still at its kerb nor brought before its time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from server.dispatch.scenario_crowd import crowd
from server.dispatch.scenario_data import Scenario
from server.dispatch.twin_times import LEAST_EMPTY, Times

_STRETCH_S = 900


@dataclass(frozen=True, slots=True)
class _Fetch:
    """A request: it can be begun at `release_s`, takes `loaded_s` and `away_s` after that."""

    release_s: int
    due_s: int
    loaded_s: int
    away_s: float

    @property
    def alone_s(self) -> float:
        """By how much it is late at least."""
        return max(0, self.release_s + self.loaded_s - self.due_s)


def bound_s(scenario: Scenario, seed: int) -> float:
    """The seconds that all drivers together wait at least, booked ones beyond their time."""
    fetches = sorted(
        _fetches(scenario, seed), key=lambda fetch: (fetch.release_s, fetch.due_s, fetch.loaded_s)
    )
    if not fetches:
        return 0.0
    runners = len(scenario.runners)
    first = fetches[0].release_s // _STRETCH_S
    count = fetches[-1].release_s // _STRETCH_S - first + 1
    stretches: list[list[_Fetch]] = [[] for _ in range(count)]
    for fetch in fetches:
        stretches[fetch.release_s // _STRETCH_S - first].append(fetch)
    best = [0.0] * (count + 1)
    for end in range(1, count + 1):
        group: list[_Fetch] = []
        for start in range(end - 1, -1, -1):
            group = [*stretches[start], *group]
            alone = sum(fetch.alone_s for fetch in group)
            value = best[start] + max(alone, _together_s(group, runners))
            best[end] = max(best[end], value)
    return best[count]


def _fetches(scenario: Scenario, seed: int) -> Sequence[_Fetch]:
    times, away_s, found = Times(scenario, seed), _away_s(scenario), []
    for index, car in enumerate(crowd(scenario, seed)):
        if car.ask_s is None:
            continue
        booth = car.return_booth_id or car.booth_id
        lots = scenario.lots if car.lot_id is None else [car.lot_id]
        leg = 2 if car.lot_id is None else 1
        loaded_s = min(times.drive_s(f"v{index:05d}", leg, lot, booth) for lot in lots)
        release_s, due_s = car.ask_s, car.ask_s
        if car.wanted_s is not None:
            # Let go by its estimate, so that it stands there early.
            thought_s = max(_thought_s(scenario, lot, booth) for lot in lots)
            release_s = max(car.ask_s, car.wanted_s - scenario.early_s - thought_s)
            due_s = car.wanted_s
        found.append(_Fetch(release_s, due_s, loaded_s, away_s))
    return found


def _thought_s(scenario: Scenario, lot: str, booth: str) -> int:
    times = scenario.travel.get((lot, booth))
    return scenario.handling_s + (0 if times is None else times.drive_s)


def _away_s(scenario: Scenario) -> float:
    """The least seconds from any booth to any lot."""
    empty = [
        times.empty_s
        for (origin, to), times in scenario.travel.items()
        if origin in scenario.booths and to in scenario.lots
    ]
    return scenario.noise.factor * LEAST_EMPTY * min(empty, default=0)


def _together_s(group: Sequence[_Fetch], runners: int) -> float:
    """All lateness of a group at least, if the runners were one fast one who may be interrupted."""
    waiting: list[float] = []
    total, now = 0.0, float(group[0].release_s if group else 0)
    for fetch in group:
        while waiting and now < fetch.release_s:
            left = heapq.heappop(waiting)
            if now + left > fetch.release_s:
                heapq.heappush(waiting, left - (fetch.release_s - now))
                now = float(fetch.release_s)
                break
            now += left
            total += now
        now = max(now, float(fetch.release_s))
        heapq.heappush(waiting, (fetch.loaded_s + fetch.away_s) / runners)
    while waiting:
        now += heapq.heappop(waiting)
        total += now
    return total - sum(fetch.due_s + fetch.away_s for fetch in group)
