"""Do nine promises in ten hold, on nights that nothing was tuned on, and when the city slows down?

The twin plays ordinary nights with the live planner and the live windows. Some nights teach, the
next ones are judged; then all legs become 30 % slower than anybody was told.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from server.config import load_config
from server.conformal import Level
from server.dispatch.scenario_data import Scenario
from server.dispatch.scenario_file import read_scenario
from server.dispatch.twin_trace import LegDone
from server.promises import BOOKED, RUSH, SOON
from tests.bench.conftest import Figures
from tests.promise_nights import (
    WatchedWindows,
    drive_error,
    held,
    of_kind,
    play,
    slower,
    under_fixed,
)

TEACHING = range(1001, 1005)
JUDGED = range(2001, 2011)
SLOW = range(3001, 3006)
SLOWER = 1.3
# Bursts are seen by a district that has had ordinary nights and two nights with such a burst.
BURSTS_TEACHING = range(4001, 4003)
BURSTS_JUDGED = range(4003, 4009)
# The first promises of a slow night are made before anybody can know.
UNAWARE = 30


@dataclass(frozen=True)
class Taught:
    """Windows that some nights have taught, what they were then, and the drives of those nights."""

    scenario: Scenario
    windows: WatchedWindows
    levels: dict[str, Level]
    ways: list[list[LegDone]]


@pytest.fixture(scope="module")
def taught() -> Taught:
    """A district that has had some nights."""
    scenario, windows = read_scenario("ordinary"), WatchedWindows(load_config())
    _, ways = play(scenario, TEACHING, windows)
    return Taught(scenario, windows, windows.levels, ways)


def test_nine_promises_in_ten_hold_on_other_nights(taught: Taught, figures: Figures) -> None:
    judged, _ = play(taught.scenario, JUDGED, taught.windows)
    ordinary = held(judged)
    figures["promises, ordinary nights"] = ordinary.figures()
    for kind in (SOON, BOOKED):
        figures[f"promises, ordinary nights, {kind}"] = held(of_kind(judged, kind)).figures()
    figures["promises, ordinary nights, untaught"] = under_fixed(judged, {}).figures()
    print(figures)
    assert 0.88 <= ordinary.coverage <= 0.92
    assert ordinary.width_median_min <= 4.2
    assert abs(ordinary.bias_s) < 30


def test_they_hold_again_when_everything_gets_slower(taught: Taught, figures: Figures) -> None:
    slow, ways = play(slower(taught.scenario, SLOWER), SLOW, taught.windows)
    adapted, fixed = held(slow[UNAWARE:]), under_fixed(slow[UNAWARE:], taught.levels)
    figures["promises, 30 % slower, from the first on"] = held(slow).figures()
    figures["promises, 30 % slower, after the first 30"] = adapted.figures()
    figures["promises, 30 % slower, windows that do not learn"] = fixed.figures()
    past = list(taught.ways)
    for nights, legs in enumerate(ways):
        error = drive_error(taught.scenario, past, legs)
        figures[f"drives, error after {nights} nights of 30 % slower"] = {"share": round(error, 3)}
        past.append(legs)
    print(figures)
    assert adapted.coverage >= 0.88
    assert fixed.coverage < 0.75


@pytest.mark.parametrize("name", ["theatre", "friday_wave"])
def test_they_hold_in_bursts(name: str, figures: Figures) -> None:
    scenario, windows = read_scenario(name), WatchedWindows(load_config())
    play(read_scenario("ordinary"), TEACHING, windows)
    play(scenario, BURSTS_TEACHING, windows)
    judged, _ = play(scenario, BURSTS_JUDGED, windows)
    whole, rush = held(judged), held(of_kind(judged, RUSH))
    figures[f"promises, {name}"] = whole.figures()
    figures[f"promises, {name}, in a rush"] = rush.figures()
    print(figures)
    assert whole.coverage >= 0.88
    assert rush.coverage >= 0.84
