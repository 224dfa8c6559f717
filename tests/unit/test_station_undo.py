"""What was said of a car by mistake is taken back: by whom, for how long, and as if never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.visit import fold
from tests.station_kit import (
    ANA,
    HERRERA,
    KEY_1,
    NORTE,
    ROSA,
    SOFIA,
    StationKit,
    event_change,
    received_data,
    refusal_of,
    visit_change,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def test_a_car_that_was_not_taken_after_all_is_as_it_was(kit: StationKit) -> None:
    card = kit.receive()
    before = kit.station.card(card.visit_id)
    kit.tap(ROSA)
    assert kit.tap(KEY_1).key == "tap.taken"
    taking = kit.station.floor.taking_back
    said = taking.offered(card.visit_id)
    assert said is not None

    assert taking.take_back(card.visit_id, said.id) == card.code

    after = kit.station.card(card.visit_id)
    assert (after.state, after.place_id, after.hook) == (before.state, HERRERA, before.hook)
    assert (after.key_holder_kind, after.since) == ("hook", before.since)
    assert kit.types()[-2:] == ["car.taken", "visit.undone"]
    assert taking.offered(card.visit_id) is None
    assert refusal_of(taking.take_back, card.visit_id, said.id) == "too_late"
    # The key is laid down again at once, and means what it says: no echo of the tap before.
    assert kit.tap(KEY_1, pause_s=1).key == "tap.taken"


def test_only_who_said_it_or_a_supervisor_takes_it_back_and_not_for_long(kit: StationKit) -> None:
    card = kit.receive()
    kit.tap(ROSA)
    kit.tap(KEY_1)
    taking = kit.station.floor.taking_back
    said = taking.offered(card.visit_id)
    assert said is not None
    kit.tap(ANA)
    assert taking.offered(card.visit_id) is None
    assert refusal_of(taking.take_back, card.visit_id, said.id) == "not_allowed"
    kit.tap(SOFIA)
    assert taking.offered(card.visit_id) == said
    kit.clock.advance(kit.config.limits.undo_s)
    kit.tap(SOFIA, pause_s=0)
    assert taking.offered(card.visit_id) is None
    assert refusal_of(taking.take_back, card.visit_id, said.id) == "too_late"


def test_what_another_place_said_meanwhile_stands(tmp_path: Path) -> None:
    lot = StationKit(tmp_path, NORTE)
    lot.tell(
        event_change(VISIT, "visit.received", 1, HERRERA, data=received_data()),
        event_change(VISIT, "car.taken", 2, HERRERA, data={"move": "park", "to_place_id": NORTE}),
        visit_change(VISIT),
    )
    lot.tap(ROSA)
    assert lot.tap(KEY_1).event_type == "car.parked"
    said = lot.station.floor.taking_back.offered(VISIT)
    assert said is not None
    lot.station.floor.taking_back.take_back(VISIT, said.id)
    card = lot.station.card(VISIT)
    assert (card.state, card.key_holder_name) == ("to_lot", "Rosa Vega")
    # Every reader folds the same.
    facts = lot.station._mirror._facts[VISIT].values()
    assert fold(facts) == lot.station._mirror.visit(VISIT)
    assert lot.tap(KEY_1).event_type == "car.parked"
    assert lot.station.card(VISIT).state == "parked"
