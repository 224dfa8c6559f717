"""Nights of the twin in which cars are brought near before anybody asks for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from statistics import mean

import pytest

from schemas import states
from server.config import load_config
from server.dispatch.route_search import Budget
from server.dispatch.scenario_data import Scenario
from server.dispatch.twin_figures import figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_promises import LiveWindows
from server.dispatch.twin_trace import LegDone, Night
from tests.night_stage import small, without_cost

pytestmark = pytest.mark.usefixtures("unmeasured")

_BUDGET = Budget(rounds=1)
_SEEDS = (1, 2)


def _play(scenario: Scenario, seed: int, *, stage_cars: bool = True) -> Night:
    config = replace(load_config(), stage_cars=stage_cars)
    return play_night(scenario, "live", seed, _BUDGET, LiveWindows(config))


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """A small night with runners to spare."""
    runners = [{"id": f"r{index}", "place_id": "herrera"} for index in range(4)]
    return small(tmp_path_factory.mktemp("night"), runners=runners)


@pytest.fixture(scope="module")
def nights(scenario: Scenario) -> list[Night]:
    """Some of them."""
    return [_play(scenario, seed) for seed in _SEEDS]


def _brought(night: Night) -> list[LegDone]:
    return [leg for leg in night.legs if leg.kind == states.RELOCATE]


def test_drivers_wait_less_and_nobody_pays_for_it_at_the_kerb(
    scenario: Scenario, nights: list[Night]
) -> None:
    without = [_play(scenario, seed, stage_cars=False) for seed in _SEEDS]
    assert sum(len(_brought(night)) for night in without) == 0
    assert all(len(_brought(night)) >= 5 for night in nights)
    found, plain = ([figures(scenario, night, 0.0) for night in each] for each in (nights, without))
    assert mean(each["wait"]["mean_min"] for each in found) < 0.9 * mean(
        each["wait"]["mean_min"] for each in plain
    )
    assert mean(each["cost_min"] for each in found) < mean(each["cost_min"] for each in plain)
    assert all(night.left == 0 and night.refused == {} for night in nights)
    assert without_cost(_play(scenario, 1)) == without_cost(nights[0])


def test_no_more_cars_stand_near_than_spaces_are_set_aside(
    scenario: Scenario, nights: list[Night]
) -> None:
    for night in nights:
        asked = {each.visit_id: each.ready_at for each in night.asked}
        changes: dict[str, list[tuple[datetime, int]]] = {}
        for leg in _brought(night):
            assert leg.to_place_id in scenario.booths
            assert leg.from_place_id in scenario.lots
            later = [
                other.started_at
                for other in night.legs
                if other.visit_id == leg.visit_id and other.started_at >= leg.done_at
            ]
            assert leg.visit_id is not None
            ends = [*later, *([asked[leg.visit_id]] if leg.visit_id in asked else [])]
            until = min(ends) if ends else leg.done_at
            changes.setdefault(leg.to_place_id, []).extend([(leg.started_at, 1), (until, -1)])
        for booth, each in changes.items():
            count = 0
            for _, change in sorted(each):
                count += change
                assert count <= scenario.places[booth].staging_spaces


def test_a_car_that_stands_near_is_ready_at_once_for_who_asks_for_it_there(
    nights: list[Night],
) -> None:
    there = [
        each
        for night in nights
        for each in night.asked
        if each.car_state == states.PARKED and each.from_place_id == each.booth_id
    ]
    assert len(there) >= 6
    for each in there:
        if each.wanted_at is None:
            assert (each.ready_at - each.made_at).total_seconds() <= 60
            assert each.moved == 0
