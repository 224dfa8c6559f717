"""Incidents: told by anybody, seen by everybody, settled by a supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import states
from schemas.district import TAG_LOST
from tests.station_kit import (
    ANA,
    CLAIM_1,
    HERRERA,
    KEY_1,
    ROSA,
    SOFIA,
    StationKit,
    ready_car,
    refusal_of,
)


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def test_whoever_had_a_mishap_may_tell_of_it_themselves(kit: StationKit) -> None:
    card = kit.receive()
    kit.tap(ROSA)
    incidents = kit.station.floor.incidents
    incidents.report(card.visit_id, states.DAMAGE, ["front", "left"], is_own=True)
    data = kit.recorded()[-1]["data"]
    assert (data["kind"], data["is_own"], data["is_over"]) == ("damage", True, False)
    (line,) = incidents.open()
    assert (line.code, line.person_name, line.details) == (
        card.code,
        "Rosa Vega",
        ("front", "left"),
    )
    assert kit.station.card(card.visit_id).reports == ("damage",)


def test_only_a_supervisor_settles_one_and_says_how(kit: StationKit) -> None:
    card = kit.receive()
    incidents = kit.station.floor.incidents
    incidents.report(card.visit_id, states.DAMAGE, ["front"], is_own=False)
    settle = incidents.settle
    assert refusal_of(settle, card.visit_id, states.DAMAGE, "agreed") == "not_allowed"
    kit.tap(SOFIA)
    assert refusal_of(settle, card.visit_id, states.ACCIDENT, "agreed") == "bad_choice"
    assert refusal_of(settle, card.visit_id, states.DAMAGE, " ") == "reason_needed"
    settle(card.visit_id, states.DAMAGE, "agreed with the driver")
    assert incidents.open() == []
    assert kit.recorded()[-1]["data"]["reason"] == "agreed with the driver"


def test_a_car_that_must_not_be_driven_stays_until_a_supervisor_clears_it(kit: StationKit) -> None:
    card = kit.receive()
    incidents = kit.station.floor.incidents
    incidents.report(card.visit_id, states.DO_NOT_DRIVE, ["brakes"], is_own=False)
    assert kit.tap(KEY_1).key == "tap.grounded"
    assert refusal_of(kit.station.take, card.visit_id) == "do_not_drive"
    kit.tap(SOFIA)
    incidents.settle(card.visit_id, states.DO_NOT_DRIVE, "checked")
    assert kit.tap(KEY_1).event_type == "car.taken"


def test_a_lost_claim_tag_opens_nothing_from_that_moment_on(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    incidents = kit.station.floor.incidents
    incidents.report(visit_id, states.LOST_CLAIM, ["has_papers"], is_own=False)
    assert kit.types()[-2:] == ["visit.reported", "tag.marked"]
    assert kit.station._mirror.roster.tags[CLAIM_1].status == TAG_LOST
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).key == "tap.lost"
    kit.tap(SOFIA)
    kit.station.hand_over(visit_id, "supervisor", reason="showed the papers")


def test_a_lost_key_is_on_the_key_board_and_its_tag_is_found_again_by_a_tap(
    kit: StationKit,
) -> None:
    card = kit.receive()
    kit.station.floor.incidents.report(card.visit_id, states.LOST_KEY, ["here"], is_own=False)
    assert kit.station.floor.keys.on_hooks()[0].is_lost
    outcome = kit.tap(KEY_1)
    assert (outcome.key, outcome.visit_id) == ("tap.lost_key", card.visit_id)


def test_what_makes_no_sense_is_refused(kit: StationKit) -> None:
    card = kit.receive()
    report = kit.station.floor.incidents.report
    assert refusal_of(report, card.visit_id, "mood", ["x"], is_own=False) == "bad_choice"
    assert refusal_of(report, card.visit_id, states.DAMAGE, [], is_own=False) == "bad_choice"
    assert refusal_of(report, card.visit_id, states.DAMAGE, ["fuel"], is_own=False) == "bad_choice"
    assert (
        refusal_of(report, card.visit_id, states.LOST_CLAIM, ["has_phone"], is_own=False)
        == "wrong_state"
    )
    assert refusal_of(report, "nothing", states.DAMAGE, ["front"], is_own=False) == "unknown_visit"
    kit.clock.advance(1000)
    assert (
        refusal_of(report, card.visit_id, states.DAMAGE, ["front"], is_own=False) == "not_signed_in"
    )


def test_a_car_can_be_asked_for_and_handed_over_with_an_incident_open(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.tap(ANA)
    kit.station.floor.incidents.report(visit_id, states.ACCIDENT, ["no_injury"], is_own=False)
    assert kit.station.card(visit_id).request_booth_id == HERRERA
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).event_type == "visit.handed_over"
