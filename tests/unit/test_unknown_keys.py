"""A lot that is cut off takes in cars that it has never heard of, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.station_kit import (
    EVENING,
    HERRERA,
    KEY_1,
    KEY_2,
    NORTE,
    ROSA,
    STRANGER,
    StationKit,
    change,
    district_changes,
    event_change,
    received_data,
    visit_change,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"
TAKEN = {"move": "park", "to_place_id": NORTE}


def lot_in(folder: Path) -> StationKit:
    """A lot with stalls, where Rosa is at work."""
    kit = StationKit(folder, NORTE)
    place = next(one["body"] for one in district_changes() if one["id"] == NORTE)
    kit.tell(change("place", NORTE, {**place, "stalls": 50}))
    kit.tap(ROSA)
    return kit


@pytest.fixture
def lot(tmp_path: Path) -> StationKit:
    return lot_in(tmp_path)


def story(at_s: int = 0) -> list[dict[str, Any]]:
    """What the booth told while the lot was cut off."""
    at = EVENING + timedelta(seconds=at_s)
    return [
        event_change(VISIT, "visit.received", 1, HERRERA, data=received_data(), at=at),
        event_change(VISIT, "visit.called", 2, HERRERA, data={"number": 1}, at=at),
        event_change(VISIT, "car.taken", 3, HERRERA, data=TAKEN, at=at),
    ]


def test_a_key_of_an_unknown_car_is_noted_and_joins_its_visit(lot: StationKit) -> None:
    outcome = lot.tap(KEY_1)
    assert (outcome.key, outcome.tone, outcome.event_type) == ("tap.key_seen", "warn", "key.seen")
    assert outcome.values == {"label": "K-1", "stall": "1"}
    # The same key once more is no news, and another one is put elsewhere.
    again = lot.tap(KEY_1)
    assert (again.key, again.event_type) == ("tap.key_seen", None)
    assert lot.tap(KEY_2).values["stall"] == "2"
    assert lot.types().count("key.seen") == 2
    lot.restart()
    lot.tap(ROSA)
    unknown = lot.station.floor.unknown_keys
    unknown.put(KEY_1, "17")
    assert [(row.label, row.stall, row.hook) for row in unknown.rows()] == [
        ("K-2", "2", 2),
        ("K-1", "17", 1),
    ]
    seen_at = unknown.rows()[1].at

    lot.tell(*story(), visit_change(VISIT))
    lot.clock.advance(1_000)
    lot.station.tick()

    card = lot.station.card(VISIT)
    assert (card.state, card.stall, card.hook) == ("parked", "17", 1)
    visit = lot.station._mirror.visit(VISIT)
    assert visit is not None
    assert visit.parked_at == seen_at
    assert [row.label for row in unknown.rows()] == ["K-2"]
    assert lot.recorded()[-1]["actor"] == "rosa"


def test_whenever_the_lot_hears_of_the_car_the_visit_is_the_same(tmp_path: Path) -> None:
    ends = set()
    for number, order in enumerate(permutations(story())):
        lot = lot_in(tmp_path / str(number))
        lot.tap(KEY_1)
        for told in order:
            lot.tell(told)
            lot.station.tick()
        visit = lot.station._mirror.visit(VISIT)
        assert visit is not None
        drives = tuple(leg.to_place_id for leg in visit.legs)
        ends.add((visit.state, visit.stall, visit.key_holder, drives))
        lot.station.close()
    assert len(ends) == 1
    (state, *_) = ends.pop()
    assert state == "parked"


def test_a_car_that_came_after_the_key_was_seen_is_another_one(lot: StationKit) -> None:
    lot.tap(KEY_1)
    lot.tell(*story(at_s=3_600), visit_change(VISIT))
    lot.station.tick()
    assert lot.station.card(VISIT).state == "to_lot"
    assert lot.station.floor.unknown_keys.rows() == []


def test_a_card_that_no_lot_knows_is_taken_for_a_key_only_while_the_line_is_down(
    lot: StationKit,
) -> None:
    assert lot.tap(STRANGER).key == "tap.key_seen"
    lot.station.uplink.succeeded()
    assert lot.tap("em4100:0BFFFFFFFF").key == "tap.unknown"


def test_what_is_not_there_is_taken_off_the_list_and_forgotten_in_the_end(lot: StationKit) -> None:
    lot.tap(KEY_1)
    lot.tap(KEY_2)
    unknown = lot.station.floor.unknown_keys
    unknown.forget(KEY_2)
    assert [row.label for row in unknown.rows()] == ["K-1"]
    assert lot.station.room.stall() == "2"
    lot.clock.advance(lot.config.limits.unknown_key_h * 3_600 + 60)
    lot.station.tick()
    assert unknown.rows() == []
