"""Runners of the twin who truly ride along: a night on foot with one far lot."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from server.config import load_config
from server.dispatch.route_search import Budget
from server.dispatch.scenario_data import Car, Noise, Recorded, Scenario
from server.dispatch.scenario_file import on_foot, read_scenario
from server.dispatch.twin_figures import figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_promises import LiveWindows
from server.dispatch.twin_trace import RIDE, Night
from tests.night_stage import without_cost

pytestmark = pytest.mark.usefixtures("unmeasured")

FAR, BOOTH = "calidonia", "herrera"


def far_away() -> Scenario:
    """Four runners stand at the far lot. One car of it is wanted where others have just come."""
    scenario = on_foot(read_scenario("ordinary"))
    cars = [Car(0, BOOTH, 60, lot_id=FAR)] + [Car(60, BOOTH, None) for _ in range(3)]
    places = {
        name: replace(place, stalls=50 if name == FAR else 0, staging_spaces=0, hours=())
        for name, place in scenario.places.items()
    }
    shifts = [replace(shift, place_id=FAR) for shift in scenario.runners[:4]]
    return replace(
        scenario,
        places=places,
        runners=shifts,
        arrivals=Recorded(cars),
        noise=Noise(0.1, 0.1, 0.1),
        length_s=3600,
    )


def play(seats: int, seed: int = 1) -> Night:
    windows = LiveWindows(replace(load_config(), ride_seats=seats, ride_wait_s=120))
    return play_night(far_away(), "live", seed, Budget(rounds=2), windows)


def test_colleagues_ride_in_the_car_that_leaves_and_walk_less() -> None:
    shared, alone = play(2), play(0)
    assert without_cost(play(2)) == without_cost(shared)
    rides = [leg for leg in shared.legs if leg.kind == RIDE]
    assert rides
    for ride in rides:
        (drive,) = [
            leg
            for leg in shared.legs
            if leg.is_drive and leg.visit_id == ride.visit_id and leg.started_at == ride.started_at
        ]
        assert (drive.to_place_id, drive.done_at) == (ride.to_place_id, ride.done_at)
        assert drive.runner_id != ride.runner_id
        along = [leg for leg in rides if leg.visit_id == ride.visit_id]
        assert len([leg for leg in along if leg.started_at == ride.started_at]) <= 2
    for name in {leg.runner_id for leg in shared.legs}:
        own = [leg for leg in shared.legs if leg.runner_id == name]
        assert all(one.done_at <= other.started_at for one, other in pairwise(own))
    found, before = figures(far_away(), shared, 0.0), figures(far_away(), alone, 0.0)
    assert found["rides"]["shared"] == len(rides)
    assert before["rides"] == {"shared": 0, "missed": 0, "min": 0.0}
    assert found["walking_share"] < before["walking_share"] == before["empty_share"]
