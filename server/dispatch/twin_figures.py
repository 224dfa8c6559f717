"""A played night in figures: waits, kerbs, ways, promises, cost, and its gap to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median
from typing import Any

from server.dispatch.evening_score import quantile
from server.dispatch.scenario_data import Scenario
from server.dispatch.twin_trace import EMPTY, RIDE, Asked, Night

_DIGITS = 3
_MIN_S, _H_S = 60, 3600


@dataclass(frozen=True, slots=True)
class Waits:
    """Minutes from asking to the car standing ready, of those who asked for it at once."""

    asked: int
    mean_min: float
    median_min: float
    p90_min: float
    p95_min: float


def waits(asked: Sequence[Asked]) -> Waits:
    """The waits among these requests; zeros of none."""
    found = sorted(
        _minutes(each.made_at, each.ready_at) for each in asked if each.wanted_at is None
    )
    return Waits(
        asked=len(found),
        mean_min=_short(mean(found) if found else 0.0),
        median_min=_short(quantile(found, 0.5)),
        p90_min=_short(quantile(found, 0.9)),
        p95_min=_short(quantile(found, 0.95)),
    )


def figures(scenario: Scenario, night: Night, bound_s: float) -> dict[str, Any]:
    """All figures of a night but what it cost to compute; minutes unless the name says otherwise.

    `cost_min`: lateness of all drivers and car-minutes above the kerbs at their price, a car.
    `bound_min`: see `twin_bound`. `gap`: how much dearer than that, as a share. Of all the time
    that runners are under way, they drive nothing for `empty_share`, and for `walking_share` not
    even go along with a colleague.
    """
    overflow_min = sum(night.overflow_s.values()) / _MIN_S
    count = max(1, len(night.asked))
    late_min = sum(_late_min(each) for each in night.asked)
    cost = (late_min + scenario.overflow_price * overflow_min) / count
    bound = bound_s / _MIN_S / count
    drives = [leg for leg in night.legs if leg.is_drive]
    loaded_s = sum(leg.took_s for leg in drives)
    walked_s = sum(leg.took_s for leg in night.legs if leg.kind == EMPTY)
    rides = [leg for leg in night.legs if leg.kind == RIDE]
    ridden_s = sum(leg.took_s for leg in rides)
    under_way_s = max(1.0, loaded_s + walked_s + ridden_s)
    return {
        "cars_asked_for": len(night.asked),
        "left": night.left,
        "wait": _waits(waits(night.asked)),
        "wait_by_booth": {
            booth: _waits(waits([each for each in night.asked if each.booth_id == booth]))
            for booth in sorted({each.booth_id for each in night.asked})
        },
        "booked_late_min": _short(_booked_late_min(night.asked)),
        "overflow_min": _short(overflow_min),
        "overflow_by_booth_min": {
            booth: _short(seconds / _MIN_S) for booth, seconds in sorted(night.overflow_s.items())
        },
        "empty_share": _short((walked_s + ridden_s) / under_way_s),
        "walking_share": _short(walked_s / under_way_s),
        "rides": {
            "shared": len(rides),
            "missed": night.missed_rides,
            "min": _short(ridden_s / _MIN_S),
        },
        "moves_per_runner_h": _short(len(drives) * _H_S / max(1, night.at_work_s)),
        "promises": promises(night.asked),
        "refused": dict(night.refused),
        "cost_min": _short(cost),
        "bound_min": _short(bound),
        "gap": _short(cost / bound - 1) if bound > 0 else None,
        "plans": night.plans,
    }


def cpu_figures(night: Night) -> dict[str, float]:
    """What each plan cost on this machine."""
    ordered = sorted(night.cpu_ms)
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "max_ms": 1.0}
    found = {name: _short(quantile(ordered, share)) for name, share in shares.items()}
    return {**found, "total_s": _short(sum(ordered) / 1000)}


def promises(asked: Sequence[Asked]) -> dict[str, Any]:
    """How the windows did that were told first.

    `kept`: ready before the end; `covered`: within; `bias_s`: how much later than estimated, in
    the mean; `moved`: the share that was told a later time at least once.
    """
    told = [each for each in asked if each.ready_by is not None and each.ready_from is not None]
    if not told:
        return {"told": 0}
    late = [each for each in told if each.ready_by is not None and each.ready_at > each.ready_by]
    early = [
        each for each in told if each.ready_from is not None and each.ready_at < each.ready_from
    ]
    widths = [
        _minutes(each.ready_from, each.ready_by)
        for each in told
        if each.ready_from is not None and each.ready_by is not None
    ]
    errors = [
        (each.ready_at - each.estimate).total_seconds()
        for each in told
        if each.estimate is not None
    ]
    return {
        "told": len(told),
        "kept": _short(1 - len(late) / len(told)),
        "covered": _short(1 - (len(late) + len(early)) / len(told)),
        "width_min": _short(median(widths)),
        "bias_s": _short(mean(errors)),
        "moved": _short(sum(each.moved > 0 for each in told) / len(told)),
    }


def _late_min(each: Asked) -> float:
    return max(0.0, _minutes(each.wanted_at or each.made_at, each.ready_at))


def _booked_late_min(asked: Sequence[Asked]) -> float:
    booked = [_late_min(each) for each in asked if each.wanted_at is not None]
    return mean(booked) if booked else 0.0


def _waits(found: Waits) -> dict[str, float]:
    return {name: getattr(found, name) for name in Waits.__dataclass_fields__}


def _minutes(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / _MIN_S


def _short(value: float) -> float:
    return round(value, _DIGITS)
