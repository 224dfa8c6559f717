"""Scenario files: those that are shipped can be read, bad ones are refused by their fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.dispatch.scenario_crowd import crowd
from server.dispatch.scenario_data import Recorded
from server.dispatch.scenario_file import SCENARIOS, ScenarioError, read_scenario
from tests.night_stage import SMALL, small, written

_SHIPPED = {
    "ordinary",
    "friday_wave",
    "theatre",
    "casco_peatonal",
    "carnival",
    "runner_short",
    "cut_off_booth",
    "full_lot",
    "rows_and_licences",
}


def test_all_shipped_scenarios_can_be_read_and_have_a_crowd() -> None:
    assert set(SCENARIOS) == _SHIPPED
    for name in SCENARIOS:
        scenario = read_scenario(name)
        cars = crowd(scenario, 1)
        assert cars == crowd(scenario, 1) != crowd(scenario, 2)
        assert len(cars) > 50
        assert all(
            car.arrive_s < car.ask_s <= (car.wanted_s or car.ask_s) for car in cars if car.ask_s
        )


def test_the_theatre_ends_for_many_at_once() -> None:
    asked = [car.wanted_s or car.ask_s or 0 for car in crowd(read_scenario("theatre"), 1)]
    together = [at for at in asked if 240 * 60 <= at < 255 * 60]
    assert 0.35 < len(together) / len(asked) < 0.6


def test_nobody_asks_for_a_car_at_a_closed_booth() -> None:
    scenario = read_scenario("casco_peatonal")
    for car in crowd(scenario, 1):
        booth = car.return_booth_id or car.booth_id
        leave = car.wanted_s or car.ask_s or 0
        assert not any(c.place_id == booth and leave < c.until_s for c in scenario.closures)


def test_counts_give_as_many_cars_as_were_counted(tmp_path: Path) -> None:
    counted = {"per_quarter_hour": {"herrera": [3, 0, 2], "bolivar": [1]}}
    cars = crowd(small(tmp_path, arrivals=counted), 7)
    quarters = [(car.booth_id, car.arrive_s // 900) for car in cars]
    assert sorted(quarters) == [("bolivar", 0), *[("herrera", 0)] * 3, *[("herrera", 2)] * 2]


def test_a_recorded_night_is_a_file_beside_the_scenario(tmp_path: Path) -> None:
    cars = [
        {"arrive_min": 1.5, "booth_id": "herrera", "ask_min": 60, "wanted_min": 75},
        {"booth_id": "bolivar", "lot_id": "terraplen", "ask_min": 10},
    ]
    (tmp_path / "night.json").write_text(json.dumps({"cars": cars}))
    scenario = small(tmp_path, arrivals={"file": "night.json"})
    assert isinstance(scenario.arrivals, Recorded)
    assert [car.arrive_s for car in crowd(scenario, 1)] == [0, 90]
    assert crowd(scenario, 1) == crowd(scenario, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"runners": []}, "runners: "),
        ({"runners": [{"id": "a", "place_id": "moon"}]}, "runners.0.place_id: no such place: moon"),
        ({"length_min": "long"}, "length_min: Not a valid integer"),
        ({"starts_at": "2026-01-15T18:00:00"}, "starts_at: Not a valid aware datetime"),
        ({"typo": 1}, "typo: Unknown field"),
        ({"stays": {"booked": 1.5}}, "stays: booked: "),
        ({"noise": {"factor": 0}}, "noise: factor: "),
        ({"closures": [{"from_min": 5, "until_min": 5, "place_id": "herrera"}]}, "until_min"),
        (
            {"closures": [{"place_id": "herrera", "leg": ["herrera", "terraplen"]}]},
            "either a place",
        ),
        ({"cut_offs": [{"place_id": "moon"}]}, "cut_offs.0.place_id: no such place: moon"),
        ({"stalls": {"herrera": 3}}, "stalls: no such place: herrera"),
        ({"slow": [{"place_ids": ["moon"], "factor": 2}]}, "slow.0.place_ids: no such place"),
        ({"district": "nowhere.json"}, "district: "),
        ({"like": "nothing"}, "like: no such scenario: nothing"),
        ({"arrivals": {}}, "arrivals"),
        ({"arrivals": {"per_hour": {"moon": [1]}}}, "arrivals: no such place: moon"),
        ({"arrivals": {"per_hour": {"herrera": [-1]}}}, "per_hour"),
        ({"arrivals": {"file": "missing.json"}}, "missing.json: No such file"),
        ({"arrivals": {"cars": [{"booth_id": "terraplen"}]}}, "cars.0.booth_id: no such place"),
        ({"arrivals": {"cars": [{"booth_id": "herrera", "wanted_min": 3}]}}, "before ask_min"),
    ],
)
def test_a_bad_file_is_refused_by_the_name_of_the_field(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match=said.replace(".", r"\.")):
        read_scenario(str(written(tmp_path, **changes)))


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_what_is_no_scenario_at_all_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(content)
    with pytest.raises(ScenarioError, match=r"scenario\.json: "):
        read_scenario(str(path))


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="ordinary"):
        read_scenario("sunday")
    with pytest.raises(ScenarioError, match="No such file"):
        read_scenario("sunday.json")


def test_a_scenario_can_be_like_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"like": "ordinary", "runners": SMALL["runners"]}))
    mine, ordinary = read_scenario(str(path)), read_scenario("ordinary")
    assert len(mine.runners) == 3
    assert mine.arrivals == ordinary.arrivals
