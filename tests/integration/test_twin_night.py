"""Nights of the twin: what can never happen in one, and what each kind of trouble does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from schemas import states
from server.dispatch.route_search import Budget
from server.dispatch.scenario_data import Closure, CutOff, Scenario
from server.dispatch.twin_bound import bound_s
from server.dispatch.twin_figures import figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_trace import EMPTY, LegDone, Night
from tests.night_stage import small, without_cost

pytestmark = pytest.mark.usefixtures("unmeasured")

POLICIES = ("first_come", "assignment", "live")
_BUDGET = Budget(rounds=2)


def _play(scenario: Scenario, policy: str = "first_come", seed: int = 3) -> Night:
    return play_night(scenario, policy, seed, _BUDGET)


def _overlaps(legs: Iterable[LegDone]) -> list[tuple[LegDone, LegDone]]:
    ordered = sorted(legs, key=lambda leg: (leg.started_at, leg.done_at))
    return [(one, other) for one, other in pairwise(ordered) if other.started_at < one.done_at]


def _grouped(
    legs: Iterable[LegDone], key: Callable[[LegDone], str | None]
) -> dict[str | None, list[LegDone]]:
    groups: dict[str | None, list[LegDone]] = {}
    for leg in legs:
        groups.setdefault(key(leg), []).append(leg)
    return groups


def _drives(night: Night) -> list[LegDone]:
    return [leg for leg in night.legs if leg.kind != EMPTY]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_seed_gives_the_same_night_and_nobody_is_in_two_places(
    policy: str, tmp_path: Path
) -> None:
    scenario = small(tmp_path)
    night = _play(scenario, policy)
    assert without_cost(_play(scenario, policy)) == without_cost(night)
    assert night.left == 0
    assert len(night.asked) > 10
    for group in _grouped(night.legs, lambda leg: leg.runner_id).values():
        assert not _overlaps(group)
    for group in _grouped(_drives(night), lambda leg: leg.visit_id).values():
        assert not _overlaps(group)
        places = [(leg.from_place_id, leg.to_place_id) for leg in group]
        assert all(one[1] == other[0] for one, other in pairwise(places))


def test_another_seed_gives_another_night(tmp_path: Path) -> None:
    scenario = small(tmp_path)
    assert _play(scenario, seed=3).asked != _play(scenario, seed=4).asked


def test_looking_ahead_beats_first_come_where_runners_are_short(tmp_path: Path) -> None:
    scenario = small(tmp_path, runners=[{"id": f"r{i}", "place_id": "herrera"} for i in range(2)])
    costs = {
        policy: sum(
            figures(scenario, _play(scenario, policy, seed), 0.0)["cost_min"] for seed in (1, 2)
        )
        for policy in ("first_come", "live")
    }
    assert costs["live"] < 0.9 * costs["first_come"]


def test_no_policy_is_below_the_bound_and_gaps_are_counted_from_it(tmp_path: Path) -> None:
    scenario = small(tmp_path)
    bound = bound_s(scenario, 3)
    found = figures(scenario, _play(scenario), bound)
    assert 0 < found["bound_min"] < found["cost_min"]
    assert found["gap"] == pytest.approx(found["cost_min"] / found["bound_min"] - 1, abs=2e-3)
    # One runner for all: waiting in line, not only driving, is in the bound.
    alone = replace(scenario, runners=scenario.runners[:1])
    assert bound_s(alone, 3) > 1.2 * bound


def _most_at_once(legs: Sequence[LegDone], lot: str) -> int:
    """The most cars that stood in a lot or were on their way to it."""
    changes: list[tuple[datetime, int]] = []
    for leg in legs:
        if leg.to_place_id == lot:
            changes.append((leg.started_at, 1))
        if leg.from_place_id == lot:
            changes.append((leg.started_at, -1))
    count = most = 0
    for _, change in sorted(changes):
        count += change
        most = max(most, count)
    return most


@pytest.mark.parametrize("policy", POLICIES)
def test_a_full_lot_takes_no_more(policy: str, tmp_path: Path) -> None:
    scenario = small(tmp_path, stalls={"terraplen": 3, "cinta-costera": 4})
    night = _play(scenario, policy)
    assert _most_at_once(_drives(night), "terraplen") == 3
    assert _most_at_once(_drives(night), "cinta-costera") <= 4
    assert night.left == 0
    assert night.refused == {}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_closed_place_is_not_driven_to_or_from(policy: str, tmp_path: Path) -> None:
    closed = Closure(from_s=1800, until_s=7200, place_id="terraplen")
    scenario = replace(small(tmp_path), closures=[closed])
    night = _play(scenario, policy)
    start, end = scenario.at(closed.from_s), scenario.at(closed.until_s)
    through = [leg for leg in _drives(night) if "terraplen" in (leg.from_place_id, leg.to_place_id)]
    assert through
    assert not [leg for leg in through if start <= leg.started_at < end]
    assert night.left == 0


def test_what_the_planner_does_not_know_is_refused_by_the_street(tmp_path: Path) -> None:
    sudden = Closure(from_s=1800, until_s=7200, place_id="terraplen", is_known_s=7200)
    night = _play(replace(small(tmp_path), closures=[sudden]))
    assert night.refused.get("way_is_closed", 0) > 0
    assert night.left == 0


def test_a_booth_without_a_line_is_known_of_late_and_works_on(tmp_path: Path) -> None:
    cut = CutOff("herrera", 600, 5400)
    scenario = small(tmp_path)
    there, gone = _play(scenario), _play(replace(scenario, cut_offs=[cut]))
    assert gone.left == 0
    assert gone.asked != there.asked
    parked = [
        leg
        for leg in _drives(gone)
        if leg.kind == states.PARK and leg.from_place_id == "herrera"
        if scenario.at(cut.from_s) < leg.started_at < scenario.at(cut.until_s)
    ]
    assert parked


def test_everything_slower_than_thought_shows_in_the_bias(tmp_path: Path) -> None:
    scenario = small(tmp_path)
    slow = replace(scenario, noise=replace(scenario.noise, factor=1.5))
    bias = [figures(each, _play(each), 0.0)["promises"]["bias_s"] for each in (scenario, slow)]
    assert bias[1] > bias[0] + 60


def test_a_runner_on_a_break_or_after_the_shift_begins_nothing(tmp_path: Path) -> None:
    runners = [
        {"id": "all", "place_id": "herrera"},
        {"id": "gone", "place_id": "herrera", "until_min": 60},
        {"id": "rest", "place_id": "herrera", "breaks": [{"from_min": 40, "until_min": 90}]},
    ]
    scenario = small(tmp_path, runners=runners)
    night = _play(scenario, "live")
    starts = {
        name: [
            (leg.started_at - scenario.starts_at) for leg in _drives(night) if leg.runner_id == name
        ]
        for name in ("gone", "rest")
    }
    assert starts["gone"]
    assert max(starts["gone"]) < timedelta(minutes=60)
    resting = [at for at in starts["rest"] if timedelta(minutes=40) <= at < timedelta(minutes=90)]
    assert not resting
    assert night.left == 0
