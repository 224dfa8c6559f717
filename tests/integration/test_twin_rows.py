"""Nights of the twin in lots where cars block each other, with runners who may not drive all."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from schemas import states
from server.dispatch.route_search import Budget
from server.dispatch.scenario_crowd import crowd
from server.dispatch.scenario_data import Scenario
from server.dispatch.scenario_file import ScenarioError, read_scenario
from server.dispatch.twin_figures import figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_stalls import Stalls
from server.dispatch.twin_trace import EMPTY
from tests.night_stage import small, without_cost, written

pytestmark = pytest.mark.usefixtures("unmeasured")

_BUDGET = Budget(rounds=1)
_RUNNERS = [
    {"id": "all", "place_id": "herrera"},
    {"id": "plain", "place_id": "herrera", "licences": []},
    {"id": "manual", "place_id": "bolivar", "licences": ["manual"]},
]


def _deep(folder: Path, **changes: object) -> Scenario:
    stays = {"median_min": 60, "least_min": 20, "elsewhere": 0.2, "booked": 0.2, "told": 0.7}
    rows = {"terraplen": 3, "cinta-costera": 2}
    return small(folder, **{"rows": rows, "stays": stays, "runners": _RUNNERS, **changes})


@pytest.mark.parametrize("policy", ["first_come", "live"])
def test_nobody_drives_a_car_without_the_licence_and_the_night_ends_the_same_way_again(
    policy: str, tmp_path: Path
) -> None:
    scenario = _deep(tmp_path, special={"manual": 0.3, "large": 0.2})
    night = play_night(scenario, policy, 3, _BUDGET)
    assert (night.left, night.refused) == (0, {})
    kinds = {f"v{number:05d}": car.handling for number, car in enumerate(crowd(scenario, 3))}
    driven: dict[str, set[str]] = {}
    for leg in night.legs:
        if leg.visit_id is not None:
            driven.setdefault(leg.runner_id, set()).update(kinds[leg.visit_id])
    assert driven["all"] == {"manual", "large"}
    assert driven["plain"] == set()
    assert driven["manual"] <= {"manual"}
    assert without_cost(play_night(scenario, policy, 3, _BUDGET)) == without_cost(night)


def test_cars_that_block_others_make_the_night_dearer_and_a_told_time_makes_it_less_so(
    tmp_path: Path,
) -> None:
    costs = {}
    for name, deep, told in (("flat", 1, 0.0), ("untold", 6, 0.0), ("told", 6, 1.0)):
        stays = {"median_min": 60, "least_min": 20, "told": told, "told_off_min": 5}
        scenario = _deep(tmp_path, rows={"terraplen": deep}, stays=stays, shuffle_s=400)
        night = play_night(scenario, "live", 1, _BUDGET)
        costs[name] = figures(scenario, night, 0.0)["cost_min"]
    assert costs["flat"] < costs["told"] < costs["untold"]


def test_a_drive_is_thought_to_take_as_long_as_the_cars_before_it_need(tmp_path: Path) -> None:
    calm = {"drive": 0.0, "empty": 0.0, "handling": 0.0}
    scenario = _deep(tmp_path, rows={"terraplen": 6}, noise=calm)
    night = play_night(scenario, "live", 2, _BUDGET)
    out = [leg for leg in night.legs if leg.kind not in (EMPTY, states.PARK)]
    took = [(leg.done_at - leg.started_at).total_seconds() for leg in out]
    assert took == [leg.estimated_s for leg in out]
    plain = [
        scenario.travel[leg.from_place_id, leg.to_place_id].drive_s + scenario.handling_s
        for leg in out
        if leg.to_place_id is not None and leg.from_place_id != leg.to_place_id
    ]
    extra = {each - drive for each, drive in zip(took, plain, strict=True)}
    assert extra > {0.0}
    assert all(each % scenario.shuffle_s == 0 for each in extra)


def test_what_is_told_on_leaving_a_car_changes_nothing_else_of_the_crowd(tmp_path: Path) -> None:
    plain = crowd(small(tmp_path), 5)
    scenario = _deep(tmp_path, special={"manual": 0.5}, stays={**_stays(), "told": 0.5})
    told = crowd(scenario, 5)
    assert [replace(car, handling=(), wish_s=None) for car in told] == plain
    assert 0 < sum(car.wish_s is not None for car in told) < len(told)
    assert 0 < sum(bool(car.handling) for car in told) < len(told)


def _stays() -> dict[str, float]:
    return {"median_min": 60, "least_min": 20, "elsewhere": 0.2, "booked": 0.2}


def test_a_stall_behind_a_car_is_not_driven_into_and_one_before_it_is_in_the_way(
    tmp_path: Path,
) -> None:
    scenario = small(tmp_path, rows={"terraplen": 3}, stalls={"terraplen": 7})
    assert [len(row) for row in scenario.places["terraplen"].rows] == [3, 3]
    stalls = Stalls(scenario.places)
    assert stalls.put("a", "terraplen", "1-2") == "1-2"
    # Nobody gets behind it: the next one goes as deep as it can elsewhere.
    assert stalls.put("b", "terraplen", "1-3") == "1-1"
    assert stalls.in_front_of("a") == 1
    assert stalls.in_front_of("b") == 0
    stalls.take("b")
    assert stalls.in_front_of("a") == 0
    found = [stalls.put(name, "terraplen", None) for name in "cdefg"]
    assert found == ["1-1", "2-3", "2-2", "2-1", None]
    assert stalls.put("h", "herrera", None) is None


def test_a_scenario_with_a_licence_or_a_lot_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    wrongs = (
        ({"special": {"boat": 0.1}}, "special"),
        ({"rows": {"herrera": 2}}, "rows"),
        ({"runners": [{"id": "a", "place_id": "herrera", "licences": ["boat"]}]}, "licences"),
    )
    for changes, field in wrongs:
        with pytest.raises(ScenarioError, match=field):
            read_scenario(str(written(tmp_path, **changes)))
    pairs = pairwise(sorted(read_scenario("rows_and_licences").places["terraplen"].rows))
    assert all(not set(one) & set(other) for one, other in pairs)
