"""Nights of the twin, one after the other, under windows that go on learning; and what held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import mean, median

from server.config import Config, load_config
from server.conformal import Level
from server.dispatch.scenario_data import Scenario
from server.dispatch.twin_play import play_night
from server.dispatch.twin_promises import LiveWindows
from server.dispatch.twin_trace import EMPTY as EMPTY_KIND
from server.dispatch.twin_trace import LegDone
from server.leg_fit import DRIVE, EMPTY, Leg, Times, Way, fit
from server.promises import KINDS, RUSH, Window, expected, kind_of, window

_MIN = timedelta(minutes=1)
_HALF_LIFE_H = 48.0

Asked = tuple[datetime, datetime, datetime | None]


@dataclass(frozen=True)
class Outcome:
    """A promise and what became of it; `late_s`: after what was expected."""

    made_at: datetime
    estimate: datetime
    wanted_at: datetime | None
    told: Window
    ready_at: datetime
    late_s: float
    kind: str


@dataclass(frozen=True)
class Held:
    """What outcomes came to. `inside`: ready within the window, so not before it either."""

    n: int
    coverage: float
    inside: float
    bias_s: float
    width_median_min: float
    width_mean_min: float

    def figures(self) -> dict[str, float | str]:
        """The same for the table of figures."""
        return {
            "n": self.n,
            "coverage": round(self.coverage, 4),
            "inside_share": round(self.inside, 4),
            "bias_s": round(self.bias_s, 1),
            "width_median_min": self.width_median_min,
            "width_mean_min": round(self.width_mean_min, 2),
        }


class WatchedWindows(LiveWindows):
    """The live windows, and every outcome that they learned from, in order."""

    def __init__(self, config: Config) -> None:
        """Nothing learned yet."""
        super().__init__(config)
        self.outcomes: list[Outcome] = []
        self._told: dict[Asked, tuple[Window, datetime]] = {}

    @property
    def levels(self) -> dict[str, Level]:
        """What has been learned so far, by kind."""
        return dict(self._levels)

    def tell(
        self,
        now: datetime,
        estimate: datetime,
        wanted_at: datetime | None,
        *,
        in_rush: bool = False,
    ) -> Window:
        """As it is told live."""
        told = super().tell(now, estimate, wanted_at, in_rush=in_rush)
        level = self._levels.get(kind_of(now, estimate, wanted_at, in_rush=in_rush))
        due = expected(self.config, now, estimate, wanted_at, level, in_rush=in_rush)
        self._told[now, estimate, wanted_at] = told, due
        return told

    def learn(
        self,
        made_at: datetime,
        estimate: datetime,
        wanted_at: datetime | None,
        ready_by: datetime,
        ready_at: datetime,
        *,
        in_rush: bool = False,
    ) -> None:
        """As it is learned live."""
        super().learn(made_at, estimate, wanted_at, ready_by, ready_at, in_rush=in_rush)
        told, due = self._told[made_at, estimate, wanted_at]
        late_s = (max(ready_at, wanted_at or ready_at) - due).total_seconds()
        kind = kind_of(made_at, estimate, wanted_at, in_rush=in_rush)
        self.outcomes.append(Outcome(made_at, estimate, wanted_at, told, ready_at, late_s, kind))


def slower(scenario: Scenario, factor: float) -> Scenario:
    """The same night where everything takes so much longer than the planner thinks."""
    return replace(scenario, noise=replace(scenario.noise, factor=factor))


def play(
    scenario: Scenario, seeds: Sequence[int], windows: WatchedWindows
) -> tuple[list[Outcome], list[list[LegDone]]]:
    """The outcomes of these nights, and the ways of each."""
    before = len(windows.outcomes)
    ways = [list(play_night(scenario, seed=seed, windows=windows).legs) for seed in seeds]
    return windows.outcomes[before:], ways


def held(outcomes: Sequence[Outcome]) -> Held:
    """What held of these promises."""
    widths = [(each.told.ready_by - each.told.ready_from) / _MIN for each in outcomes]
    return Held(
        n=len(outcomes),
        coverage=mean(each.ready_at <= each.told.ready_by for each in outcomes),
        inside=mean(
            each.told.ready_from <= max(each.ready_at, each.wanted_at or each.ready_at)
            and each.ready_at <= each.told.ready_by
            for each in outcomes
        ),
        bias_s=mean(each.late_s for each in outcomes),
        width_median_min=median(widths),
        width_mean_min=mean(widths),
    )


def under_fixed(outcomes: Sequence[Outcome], levels: dict[str, Level]) -> Held:
    """What would have held of the same estimates under windows that no longer learn."""
    config, told = load_config(), []
    for each in outcomes:
        fixed = window(
            config,
            each.made_at,
            each.estimate,
            each.wanted_at,
            levels.get(each.kind),
            in_rush=each.kind == RUSH,
        )
        told.append(replace(each, told=fixed))
    return held(told)


def of_kind(outcomes: Sequence[Outcome], kind: str) -> list[Outcome]:
    """Those of one kind of promise."""
    assert kind in KINDS
    return [each for each in outcomes if each.kind == kind]


def drive_error(
    scenario: Scenario, past: Sequence[Sequence[LegDone]], night: Sequence[LegDone]
) -> float:
    """By which share the drives of a night took longer, in sum, than what was learned of the nights
    before it, the newest last; less than 0 for shorter."""
    told = {leg: Times(times.drive_s, times.empty_s) for leg, times in scenario.travel.items()}
    ways = [
        way
        for nights_ago, legs in enumerate(reversed(past), start=1)
        for leg in legs
        if (way := _way(leg, 24.0 * nights_ago)) is not None
    ]
    learned = fit(ways, told, scenario.handling_s, _HALF_LIFE_H)
    took = thought = 0.0
    for leg in night:
        way = _way(leg, 0.0)
        if way is not None and way.mode == DRIVE and way.leg in told:
            took += way.took_s
            thought += learned.drive_s(way.leg, told[way.leg], way.hour)
    return took / thought - 1


def _way(leg: LegDone, age_h: float) -> Way | None:
    if leg.to_place_id is None or leg.to_place_id == leg.from_place_id:
        return None
    mode = EMPTY if leg.kind == EMPTY_KIND else DRIVE
    key: Leg = leg.from_place_id, leg.to_place_id
    took_s = (leg.done_at - leg.started_at).total_seconds()
    return Way(mode, key, leg.started_at.hour, took_s, age_h)
