"""What is in dispute about a car, who may decide it, and what a decision can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import states
from tests.station_kit import (
    ANA,
    BOLIVAR,
    HERRERA,
    KEY_1,
    NORTE,
    SOFIA,
    SUR,
    StationKit,
    event_change,
    received_data,
    refusal_of,
    visit_change,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"
OTHER = "01900000-0000-7000-8000-0000000000bb"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    """A booth that knows a car which two lots say they have."""
    kit = StationKit(tmp_path)
    kit.tell(
        event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data()),
        event_change(VISIT, "car.parked", 2, NORTE),
        event_change(VISIT, "car.parked", 3, SUR, actor="ana"),
        visit_change(VISIT),
    )
    return kit


def test_both_facts_are_told_with_place_and_person(kit: StationKit) -> None:
    told = [
        (line.type, line.place_name, line.person_name) for line in kit.station.disputes.facts(VISIT)
    ]
    assert told == [
        ("car.parked", "Lote Norte", "Rosa Vega"),
        ("car.parked", "Lote Sur", "Ana Ríos"),
    ]


def test_the_car_stands_where_somebody_saw_it_or_here_or_it_is_gone(kit: StationKit) -> None:
    endings = [(one.state, one.place_id) for one in kit.station.disputes.endings(VISIT)]
    assert endings == [
        (states.PARKED, NORTE),
        (states.PARKED, SUR),
        (states.AT_BOOTH, HERRERA),
        (states.HANDED_OVER, HERRERA),
    ]


def test_a_supervisor_decides_and_it_is_an_event_of_this_station(kit: StationKit) -> None:
    disputes = kit.station.disputes
    assert refusal_of(disputes.settle, VISIT, "parked@lote-sur", "La vi") == "not_signed_in"
    kit.tap(ANA)
    assert not disputes.may_settle()
    assert refusal_of(disputes.settle, VISIT, "parked@lote-sur", "La vi") == "not_allowed"
    kit.tap(SOFIA)
    assert disputes.may_settle()
    assert refusal_of(disputes.settle, VISIT, "parked@bolivar", "La vi") == "bad_choice"
    assert refusal_of(disputes.settle, VISIT, "parked@lote-sur", "  ") == "reason_needed"
    assert disputes.settle(VISIT, "parked@lote-sur", "La vi") == "B-0001"
    event = kit.recorded()[-1]
    assert (event["type"], event["actor"], event["step"]) == ("visit.resolved", "sofia", 4)
    assert event["data"] == {"state": "parked", "place_id": SUR, "reason": "La vi"}
    card = kit.station.card(VISIT)
    assert (card.state, card.place_id, card.held_reasons) == (states.PARKED, SUR, ())
    assert disputes.facts(VISIT) == []
    assert refusal_of(disputes.settle, VISIT, "parked@lote-sur", "La vi") == "wrong_state"


def test_a_place_that_contradicts_itself_is_told_of_with_both_facts(kit: StationKit) -> None:
    kit.tell(
        event_change(OTHER, "visit.received", 1, BOLIVAR, data=received_data("B-0002")),
        event_change(OTHER, "car.ready", 2, BOLIVAR),
        event_change(OTHER, "visit.handed_over", 3, BOLIVAR, data={"proof": "code"}),
    )
    types = [line.type for line in kit.station.disputes.facts(OTHER)]
    assert types == ["car.ready", "visit.handed_over"]


def test_two_cars_with_one_key_are_told_of_by_their_receptions(kit: StationKit) -> None:
    kit.tell(
        event_change(OTHER, "visit.received", 1, HERRERA, data=received_data("H-0007")),
        visit_change(OTHER, tag_shared=True),
    )
    lines = kit.station.disputes.facts(OTHER)
    assert {(line.type, line.code) for line in lines} == {
        ("visit.received", "H-0007"),
        ("visit.received", "B-0001"),
    }
    kit.tap(SOFIA)
    kit.station.disputes.settle(OTHER, f"handed_over@{HERRERA}", "El cliente lo tiene")
    assert [visit.id for visit in kit.station._mirror.with_tag(KEY_1)] == [VISIT]
