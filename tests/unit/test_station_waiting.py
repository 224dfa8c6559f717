"""The ladder of a car that stands ready, and telling a driver of a delay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.station_kit import (
    ANA,
    HERRERA,
    KEY_1,
    NORTE,
    StationKit,
    event_change,
    ready_car,
    refusal_of,
    visit_change,
)


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def calls(kit: StationKit) -> list[tuple[int, str | None]]:
    """The calls in the journal: their number and who made them."""
    return [
        (event["data"]["number"], event["actor"])
        for event in kit.recorded()
        if event["type"] == "visit.called"
    ]


def wait(kit: StationKit, seconds: float) -> None:
    """Time passes, and the station looks after what became due."""
    kit.clock.advance(seconds)
    kit.station.tick()


def test_a_driver_with_a_phone_is_called_twice_by_itself_and_then_the_car_goes_back(
    kit: StationKit,
) -> None:
    visit_id = ready_car(kit)
    kit.station.uplink.succeeded()
    wait(kit, 290)
    assert calls(kit) == []
    wait(kit, 20)
    assert calls(kit) == [(1, None)]
    assert kit.station.card(visit_id).rung == "call_again"
    wait(kit, 299)
    wait(kit, 10)
    wait(kit, 10)
    assert calls(kit) == [(1, None), (2, None)]
    wait(kit, 570)
    assert (kit.station.card(visit_id).rung, kit.station.card(visit_id).is_rung_due) == (
        "repark",
        False,
    )
    wait(kit, 40)
    assert kit.station.card(visit_id).is_rung_due
    assert len(calls(kit)) == 2


def test_without_a_phone_or_a_network_a_person_has_to_call(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    assert not kit.station.uplink.is_online
    wait(kit, 310)
    assert calls(kit) == []
    assert kit.station.card(visit_id).is_rung_due

    kit.tell(visit_change(visit_id, has_phone=False))
    kit.station.uplink.succeeded()
    wait(kit, 10)
    assert calls(kit) == []

    kit.tap(ANA)
    kit.station.floor.waiting.call(visit_id)
    assert calls(kit) == [(1, "ana")]


def test_only_a_car_that_waits_here_for_its_driver_is_called(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    call = kit.station.floor.waiting.call
    kit.clock.advance(100)
    assert refusal_of(call, visit_id) == "not_signed_in"
    kit.tap(ANA)
    kit.station.cancel_request(visit_id)
    assert refusal_of(call, visit_id) == "not_ready"
    assert refusal_of(call, "nothing") == "unknown_visit"


def test_a_delay_is_told_with_a_reason_until_the_car_is_there(kit: StationKit) -> None:
    card = kit.receive()
    delay = kit.station.floor.waiting.delay
    assert refusal_of(delay, card.visit_id, 10, "rain") == "no_request"
    kit.station.request_car(card.visit_id, HERRERA)
    assert refusal_of(delay, card.visit_id, 7, "rain") == "bad_choice"
    assert refusal_of(delay, card.visit_id, 10, "mood") == "reason_needed"
    delay(card.visit_id, 10, "rain")
    shown = kit.station.card(card.visit_id)
    assert (shown.delay_min, shown.delay_reason) == (10, "rain")
    kit.tap(KEY_1)
    assert refusal_of(delay, card.visit_id, 10, "rain") == "wrong_state"


def test_a_car_that_went_back_begins_the_ladder_anew(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.floor.waiting.call(visit_id)
    kit.station.take(visit_id, NORTE)
    assert kit.station.card(visit_id).rung is None
    kit.tell(event_change(visit_id, "car.parked", 9, NORTE))
    assert kit.station.card(visit_id).calls == 0
