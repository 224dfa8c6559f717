"""Giving keys back: against a code, a claim tag or a supervisor's word, and not otherwise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from schemas import states
from schemas.handover_code import code_at
from tests.station_kit import (
    ANA,
    BOLIVAR,
    CLAIM_1,
    CLAIM_2,
    CODE_KEY,
    HERRERA,
    KEY_1,
    KEY_2,
    NORTE,
    SOFIA,
    StationKit,
    event_change,
    ready_car,
    received_data,
    refusal_of,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"
GIVEN = {"proof": "code", "reason": None, "has_claim_tag": True}


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def test_keys_are_given_back_against_the_code(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    outcome = kit.tap(KEY_1)
    assert (outcome.screen, outcome.event_type) == ("hand_over", None)
    code = code_at(CODE_KEY, kit.station.now())
    card = kit.station.hand_over(visit_id, "code", code=code)
    assert (card.state, card.key_holder_kind) == (states.HANDED_OVER, states.GUEST)
    assert kit.recorded()[-1]["data"] == {**GIVEN, "opened_by": "key_tag"}
    assert kit.station.queue() == []


def test_keys_are_given_back_against_the_claim_tag_by_a_tap(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("hand_over", visit_id)
    assert kit.tap(CLAIM_1).key == "tap.key_first"
    assert kit.tap(KEY_1).screen == "hand_over"
    outcome = kit.tap(CLAIM_1)
    assert (outcome.key, outcome.event_type) == ("tap.handed_over", "visit.handed_over")
    assert kit.recorded()[-1]["data"]["opened_by"] == "key_tag"


def test_a_wrong_claim_tag_stops_the_hand_over_until_the_key_is_shown_anew(
    kit: StationKit,
) -> None:
    visit_id = ready_car(kit)
    kit.tap(KEY_1)
    outcome = kit.tap(CLAIM_2)
    assert (outcome.key, outcome.screen, outcome.visit_id) == ("tap.claim_other", "stop", visit_id)
    kit.station.focus("hand_over", visit_id)
    assert kit.tap(CLAIM_1).key == "tap.key_first"
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).event_type == "visit.handed_over"


def test_the_number_on_the_key_tag_serves_where_the_tag_does_not_read(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("hand_over", visit_id)
    assert refusal_of(kit.station.show_key, visit_id, "7") == "wrong_key"
    assert not kit.station.on_screen.shows_key(visit_id)
    kit.station.show_key(visit_id, "K-01")
    assert kit.tap(CLAIM_1).event_type == "visit.handed_over"
    assert kit.recorded()[-1]["data"]["opened_by"] == "key_label"


def test_a_claim_tag_without_an_open_hand_over_only_opens_the_ticket(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    outcome = kit.tap(CLAIM_1)
    assert (outcome.screen, outcome.visit_id, outcome.event_type) == ("ticket", visit_id, None)


def test_a_supervisor_may_excuse_the_proof_with_a_reason(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    hand_over = kit.station.hand_over
    assert refusal_of(hand_over, visit_id, "supervisor", reason="lost phone") == "not_allowed"
    kit.tap(SOFIA)
    assert refusal_of(hand_over, visit_id, "supervisor", reason="  ") == "reason_needed"
    hand_over(visit_id, "supervisor", reason=" lost phone, showed licence ")
    assert kit.recorded()[-1]["data"]["reason"] == "lost phone, showed licence"


def test_no_proof_helps_before_the_car_is_ready_here(kit: StationKit) -> None:
    card = kit.receive(claim=CLAIM_1)
    hand_over = kit.station.hand_over
    assert refusal_of(hand_over, card.visit_id, "claim_tag", claim_tag=CLAIM_1) == "not_ready"
    kit.tell(
        event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data(key_tag=KEY_2)),
        event_change(VISIT, "car.ready", 2, BOLIVAR),
    )
    assert refusal_of(hand_over, VISIT, "claim_tag", claim_tag=CLAIM_1) == "wrong_place"


def test_a_ready_car_that_nobody_asked_for_is_not_given_away(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.cancel_request(visit_id)
    assert refusal_of(kit.station.hand_over, visit_id, "claim_tag", claim_tag=CLAIM_1) == (
        "no_request"
    )
    kit.station.request_car(visit_id, HERRERA)
    kit.tap(KEY_1)
    kit.station.hand_over(visit_id, "claim_tag", claim_tag=CLAIM_1)


def test_no_proof_helps_where_the_key_was_not_shown(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    hand_over, code = kit.station.hand_over, code_at(CODE_KEY, kit.station.now())
    kit.station.focus("hand_over", visit_id)
    assert refusal_of(hand_over, visit_id, "code", code=code) == "key_needed"
    assert refusal_of(hand_over, visit_id, "claim_tag", claim_tag=CLAIM_1) == "key_needed"
    kit.tap(KEY_1)
    kit.station.focus("queue")
    assert refusal_of(hand_over, visit_id, "code", code=code) == "key_needed"
    assert kit.types()[-1] == "car.ready"


def test_a_wrong_proof_is_refused(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.tap(KEY_1)
    hand_over = kit.station.hand_over
    assert refusal_of(hand_over, visit_id, "claim_tag", claim_tag=CLAIM_2) == "wrong_claim_tag"
    assert refusal_of(hand_over, visit_id, "claim_tag") == "wrong_claim_tag"
    assert refusal_of(hand_over, visit_id, "charm") == "bad_choice"
    assert kit.types()[-1] == "car.ready"


def test_five_wrong_codes_lock_and_a_restart_does_not_unlock(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.tap(KEY_1)
    right = code_at(CODE_KEY, kit.station.now())
    wrong = f"{(int(right) + 5_000) % 10_000:04d}"
    codes = [refusal_of(kit.station.hand_over, visit_id, "code", code=wrong) for _ in range(5)]
    assert codes == ["bad_code"] * 4 + ["code_locked"]
    kit.restart()
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert refusal_of(kit.station.hand_over, visit_id, "code", code=right) == "code_locked"
    kit.clock.reboot("00000000-0000-4000-8000-000000000002")
    kit.restart()
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert refusal_of(kit.station.hand_over, visit_id, "code", code=right) == "code_locked"
    kit.clock.advance(kit.config.limits.code_lock_s + 1)
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.hand_over(visit_id, "code", code=code_at(CODE_KEY, kit.station.now()))


def test_a_code_cannot_be_checked_before_the_cloud_made_its_key(kit: StationKit) -> None:
    card = kit.receive()
    kit.station.request_car(card.visit_id, HERRERA)
    kit.tap(KEY_1)
    kit.tap(KEY_1)
    assert refusal_of(kit.station.hand_over, card.visit_id, "code", code="0000") == "no_code"


def test_a_code_is_checked_by_the_clouds_time_when_the_wall_clock_is_wrong(
    kit: StationKit,
) -> None:
    visit_id = ready_car(kit)
    true_time = kit.clock.wall()
    kit.clock.set_wall(true_time.replace(year=1999), synced=False)
    kit.tell(server_time=true_time)
    kit.clock.advance(120)
    kit.restart()
    kit.tap(ANA)
    assert kit.station.now() == true_time + timedelta(seconds=130)
    kit.tap(KEY_1)
    code = code_at(CODE_KEY, true_time + timedelta(seconds=130))
    kit.station.hand_over(visit_id, "code", code=code)


def test_a_held_visit_is_not_handed_over_but_its_key_is_still_followed(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.tell(
        event_change(visit_id, "car.taken", 4, BOLIVAR, data={"move": "park", "to_place_id": NORTE})
    )
    card = kit.station.card(visit_id)
    assert card.state == states.HELD
    assert card.held_reasons == ("taken_elsewhere",)
    assert refusal_of(kit.station.hand_over, visit_id, "claim_tag", claim_tag=CLAIM_1) == (
        "visit_held"
    )
    outcome = kit.tap(KEY_1)
    assert (outcome.key, outcome.tone, outcome.event_type) == ("tap.held", "warn", "car.ready")
    assert kit.station.card(visit_id).key_holder_name == "Plaza Herrera"
