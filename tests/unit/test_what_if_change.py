"""One change to a night, and what its answer says: plain documents in, plain documents out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import states
from schemas.problems import Refusal
from server.dispatch.plan import Job, Plan
from server.dispatch.scenario_file import SCENARIOS, content_of, scenario_of
from server.dispatch.snapshot import Booth, Runner, Snapshot, Travel
from server.dispatch.what_if_answer import LESS, MORE, SAME, UNCLEAR, Difference, differences
from server.dispatch.what_if_change import _waits, changed, planner_of, read_change

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def cars(*booths: str) -> dict[str, Any]:
    """Recorded arrivals, ten minutes apart."""
    return {
        "cars": [
            {"arrive_min": 10.0 * index, "booth_id": booth, "ask_min": 90.0 + index}
            for index, booth in enumerate(booths)
        ]
    }


def night(**fields: Any) -> dict[str, Any]:
    """A night of the shipped district."""
    return {**content_of("ordinary"), **fields}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_made_night_takes_every_kind_of_change(name: str) -> None:
    content = content_of(name)
    for change in (
        {"kind": "runners", "more": 1},
        {"kind": "runners", "more": -1},
        {"kind": "rule", "rule": "stay"},
        {"kind": "closed", "from_place_id": "herrera", "to_place_id": "terraplen"},
        {"kind": "closed", "from_place_id": "terraplen"},
        {"kind": "booth", "near": "bolivar", "kerb_spaces": 3, "share_percent": 50},
        {"kind": "staging", "spaces": 4},
        {"kind": "staging", "spaces": 0, "place_id": "herrera"},
    ):
        scenario_of(changed(content, read_change(change)))


def test_runners_come_and_go() -> None:
    shifts = [
        {"id": "long", "place_id": "herrera"},
        {"id": "short", "place_id": "bolivar", "from_min": 60, "until_min": 120},
    ]
    one = changed(night(runners=shifts), {"kind": "runners", "more": 1})["runners"]
    assert [shift["id"] for shift in one] == ["long", "short", "more-1"]
    assert one[-1]["place_id"] == "herrera"
    less = changed(night(runners=shifts), {"kind": "runners", "more": -1})["runners"]
    assert [shift["id"] for shift in less] == ["long"]
    with pytest.raises(Refusal, match="bad_choice"):
        changed(night(runners=shifts), {"kind": "runners", "more": -2})


def test_a_closed_street_is_closed_both_ways() -> None:
    change = read_change({"kind": "closed", "from_place_id": "herrera", "to_place_id": "terraplen"})
    found = scenario_of(changed(night(), change)).closures
    assert {closure.leg for closure in found} == {
        ("herrera", "terraplen"),
        ("terraplen", "herrera"),
    }


def test_cars_are_staged_at_each_booth_or_at_one() -> None:
    def spaces(**change: Any) -> dict[str, int]:
        made = changed(night(), read_change({"kind": "staging", **change}))
        places = scenario_of(made).places.values()
        return {place.id: place.staging_spaces for place in places if place.staging_spaces}

    everywhere = spaces(spaces=4)
    assert len(everywhere) > 2
    assert set(everywhere.values()) == {4}
    assert spaces(spaces=6, place_id="herrera").items() >= {"herrera": 6}.items()
    assert spaces(spaces=0) == {}


def test_a_lot_takes_cars_by_its_hours_in_a_played_night_too() -> None:
    content = night()
    places = content["district"]["places"]
    lots = [place for place in places if place["kind"] == "lot"]
    lots[0]["hours"] = [{"weekdays": [*range(7)], "from_time": "18:00", "until_time": "22:00"}]
    scenario = scenario_of(content)
    evening, late = (datetime(2026, 11, 20, hour, 30, tzinfo=scenario.zone) for hour in (19, 23))
    assert set(scenario.open_lots(evening)) == set(scenario.lots)
    assert set(scenario.lots) - set(scenario.open_lots(late)) == {lots[0]["id"]}


def test_a_new_booth_takes_its_share_of_recorded_cars() -> None:
    content = night(arrivals=cars(*["herrera"] * 6, "bolivar", "bolivar"))
    change = {"kind": "booth", "near": "herrera", "kerb_spaces": 3, "share_percent": 50}
    made = changed(content, read_change(change))
    booths = Counter(car["booth_id"] for car in made["arrivals"]["cars"])
    assert booths == {"herrera": 3, "new-booth": 3, "bolivar": 2}
    scenario = scenario_of(made)
    assert scenario.places["new-booth"].kerb_spaces == 3
    beside = scenario.travel["herrera", "terraplen"]
    assert scenario.travel["new-booth", "terraplen"] == beside
    assert scenario.travel["new-booth", "herrera"].drive_s == 60


@pytest.mark.parametrize("kind", ["per_hour", "per_quarter_hour"])
def test_a_new_booth_takes_its_share_of_cars_to_come(kind: str) -> None:
    content = night(arrivals={kind: {"herrera": [4, 8, 3], "bolivar": [2]}})
    change = {"kind": "booth", "near": "herrera", "kerb_spaces": 3, "share_percent": 25}
    rows = changed(content, read_change(change))["arrivals"][kind]
    assert sum(rows["new-booth"]) == (3.75 if kind == "per_hour" else 3)
    assert [a + b for a, b in zip(rows["herrera"], rows["new-booth"], strict=True)] == [4, 8, 3]
    assert rows["bolivar"] == [2]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "weather"},
        {"kind": "runners", "more": 0},
        {"kind": "runners", "more": 50},
        {"kind": "rule", "rule": "sleep"},
        {"kind": "closed"},
        {"kind": "staging"},
        {"kind": "staging", "spaces": 51},
        {"kind": "booth", "near": "herrera", "kerb_spaces": 0, "share_percent": 50},
        {"kind": "runners", "more": 1, "also": 1},
    ],
)
def test_a_change_that_makes_no_sense_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="bad_choice"):
        read_change(document)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "closed", "from_place_id": "nowhere"},
        {"kind": "closed", "from_place_id": "herrera", "to_place_id": "herrera"},
        {"kind": "booth", "near": "terraplen", "kerb_spaces": 3, "share_percent": 50},
        {"kind": "staging", "spaces": 4, "place_id": "terraplen"},
    ],
)
def test_a_change_of_what_is_not_there_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="bad_choice"):
        changed(night(), read_change(change))


def test_free_runners_wait_by_the_rule() -> None:
    ways = {("booth", "lot"): Travel(60, 50), ("lot", "booth"): Travel(60, 50)}
    snapshot = Snapshot(
        now=NOW,
        runners=[Runner(name, place, NOW) for name, place in (("a", "booth"), ("b", "lot"))]
        + [Runner("c", "booth", NOW)],
        moves=[],
        travel=ways,
        far=Travel(600, 600),
        lots_near={"booth": ["lot"]},
        free_stalls={"lot": 5},
        handling_s=0,
        arrivals={},
        booths={"booth": Booth(4)},
    )
    job = Job("v", states.PARK, "c", "booth", "lot", NOW, NOW, "nearest_free")
    assert _waits(snapshot, Plan([job]), "lots") == {"a": "lot"}
    assert _waits(snapshot, Plan([job]), "booths") == {"b": "booth"}
    assert _waits(snapshot, Plan([job]), "stay") == {}
    assert planner_of({"kind": "rule", "rule": "stay"}) is not planner_of(None)


def pair(before: float, after: float) -> dict[str, Any]:
    """One seed: only the median wait differs."""
    rest = {"wait_p90_min": 9, "overflow_min": 0, "cost_min": 1, "kept_percent": 90, "left": 0}
    return {
        "without": {"wait_median_min": before, **rest},
        "with": {"wait_median_min": after, **rest},
    }


def first(*pairs: tuple[float, float]) -> Difference:
    """The difference of the median wait."""
    return differences([pair(*each) for each in pairs])[0]


def test_differences_are_taken_within_pairs() -> None:
    found = first((10, 8), (20, 19), (12, 9))
    assert (found.without, found.with_it) == (720, 540)
    assert (found.middle, found.least, found.most) == (-120, -180, -60)
    assert (found.better, found.n, found.way) == (3, 3, LESS)


def test_a_change_is_clear_only_where_no_seed_says_otherwise() -> None:
    assert first((10, 8), (10, 11), (10, 9)).way == UNCLEAR
    assert first((10, 12), (10, 10), (10, 11)).way == MORE
    assert first((10, 10), (11, 11)).way == SAME
    assert first((10, 10), (10, 10), (10, 9)).way == UNCLEAR
    assert differences([]) == []
