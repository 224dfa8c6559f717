"""Breaks, going home, and closing a place in steps that cannot be jumped over."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_agent.closing import Closing
from tests.station_kit import (
    ANA,
    BOLIVAR,
    CLAIM_1,
    HERRERA,
    KEY_1,
    KEY_2,
    NORTE,
    ROSA,
    SOFIA,
    StationKit,
    change,
    event_change,
    ready_car,
    received_data,
    refusal_of,
    visit_change,
)

MANY = 150


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def key_of(number: int) -> str:
    """The n-th key tag of a full lot."""
    return f"em4100:0B{number:08X}"


def visit_of(number: int) -> str:
    """The visit with that key."""
    return f"01900000-0000-7000-8000-{number:012x}"


def full_lot(folder: Path) -> StationKit:
    """A lot where the cars of a whole evening stand."""
    kit = StationKit(folder, NORTE)
    changes = []
    for number in range(1, MANY + 1):
        visit_id = visit_of(number)
        data = received_data(f"H-{number:04d}", key_tag=key_of(number), claim_tag=None)
        changes += [
            change(
                "tag",
                key_of(number),
                {"id": key_of(number), "kind": "key", "label": f"K-{number}"},
            ),
            event_change(visit_id, "visit.received", 1, HERRERA, data=data),
            event_change(visit_id, "car.parked", 2, NORTE, data={"hook": number}),
            visit_change(visit_id, plate=f"AB{number:04d}"),
        ]
    kit.tell(*changes)
    kit.tap(ANA)
    return kit


def test_a_break_ends_with_the_next_badge(kit: StationKit) -> None:
    kit.tap(ROSA)
    kit.station.floor.crew.pause()
    assert kit.station.actor() is None
    (worker,) = kit.station.floor.crew.workers()
    assert (worker.name, worker.is_on_break) == ("Rosa Vega", True)

    kit.restart()
    assert kit.station.floor.crew.workers()[0].is_on_break
    assert kit.tap(ROSA).event_type == "shift.resumed"
    assert not kit.station.floor.crew.workers()[0].is_on_break
    assert kit.types() == ["shift.signed_on", "shift.paused", "shift.resumed"]


def test_a_break_that_began_elsewhere_is_seen_here(kit: StationKit) -> None:
    kit.tap(ROSA)
    rosa = {"id": "rosa", "name": "Rosa Vega", "roles": ["runner"], "badge_tag": ROSA}
    crew = kit.station.floor.crew
    kit.tell(change("person", "rosa", {**rosa, "shift_place_id": BOLIVAR, "is_resting": True}))
    kit.restart()
    crew = kit.station.floor.crew
    (worker,) = crew.workers()
    assert (worker.is_on_break, worker.place_name) == (True, "Plaza Bolívar")
    # Back at work there, then here, then nowhere.
    kit.tell(change("person", "rosa", {**rosa, "shift_place_id": BOLIVAR, "is_resting": False}))
    assert not crew.workers()[0].is_on_break
    kit.tell(change("person", "rosa", {**rosa, "shift_place_id": HERRERA, "is_resting": False}))
    assert crew.workers()[0].place_name is None
    kit.tap(ROSA)
    crew.sign_off()
    kit.tell(change("person", "rosa", {**rosa, "shift_place_id": None, "is_resting": False}))
    assert crew.workers() == []


def test_nobody_rests_or_goes_home_with_a_key_in_hand(kit: StationKit) -> None:
    card = kit.receive(KEY_1)
    kit.tap(ROSA)
    kit.tap(KEY_1)
    crew = kit.station.floor.crew
    assert refusal_of(crew.pause) == "keys_in_hand"
    assert refusal_of(crew.sign_off) == "keys_in_hand"
    in_hand = {worker.name: worker.in_hand for worker in crew.workers()}
    assert in_hand == {"Ana Ríos": (), "Rosa Vega": (card.code,)}
    kit.tap(ANA)
    crew.sign_off()
    assert kit.types()[-1] == "shift.signed_off"
    assert [worker.name for worker in crew.workers()] == ["Rosa Vega"]


def test_to_leave_the_screen_ends_no_shift(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.station.floor.crew.lock()
    assert kit.station.actor() is None
    assert kit.types() == ["shift.signed_on"]
    assert kit.tap(ANA).event_type is None


def test_who_signs_on_is_told_what_to_drive_next(kit: StationKit) -> None:
    card = kit.receive(KEY_1)
    move = {
        "kind": "park",
        "from_place_id": HERRERA,
        "to_place_id": NORTE,
        "runner_id": "rosa",
        "why": "nearest_free",
    }
    kit.tell(visit_change(card.visit_id, move=move))
    outcome = kit.tap(ROSA)
    assert (outcome.key, outcome.values["code"], outcome.values["place"]) == (
        "tap.next_job",
        card.code,
        "Lote Norte",
    )
    (job,) = kit.station.floor.crew.jobs()
    assert (job.person_name, job.card.why, job.drive_min) == ("Rosa Vega", "nearest_free", 4)
    kit.tap(KEY_1)
    assert kit.station.floor.crew.jobs() == []
    assert kit.tap(ROSA).key == "tap.signed_on"


def test_an_evening_of_150_cars_is_closed_in_four_steps(tmp_path: Path) -> None:
    kit = full_lot(tmp_path)
    floor = kit.station.floor
    closing = floor.closing
    closing.begin()
    assert closing.state().step == "keys"  # type: ignore[union-attr]
    assert refusal_of(closing.sign) == "closing_open"

    floor.key_check.begin()
    kit.station.focus("keys_check")
    for number in range(1, MANY + 1):
        if number != 7:
            assert kit.tap(key_of(number), pause_s=1).key == "tap.checked"
    assert [key.label for key in floor.key_check.finish().missing] == ["K-7"]

    state = closing.state()
    assert state is not None
    assert (state.step, len(state.loose)) == ("cars", MANY)
    assert refusal_of(closing.sign) == "closing_open"
    closing.seal_bag(visit_of(1), 41)
    assert closing.state().next_bag == 42  # type: ignore[union-attr]
    assert closing.seal_all(42) == MANY - 1
    state = closing.state()
    assert state is not None
    assert (state.step, state.loose, state.next_bag) == ("tags", (), 191)

    kit.restart()
    kit.tap(ANA)
    closing = kit.station.floor.closing
    # No key tag of the district is left but one of the small district's own, whose car is gone.
    closing.count("key", 0)
    assert closing.state().uncounted == ("claim",)  # type: ignore[union-attr]
    closing.count("claim", 2)
    assert refusal_of(closing.sign) == "reason_needed"
    assert refusal_of(closing.sign, "bored") == "reason_needed"
    assert closing.sign("only_one") == MANY
    data = next(e["data"] for e in kit.recorded() if e["type"] == "place.closed")
    assert len(data["carried"]) == MANY
    assert data["keys_missing"] == 1
    assert data["tags_counted"] == {"key": 0, "claim": 2}
    assert (data["signed"], data["alone"]) == (["ana"], "only_one")
    # Nobody had counted this box before.
    assert data["tags_expected"] == {}
    assert closing.box() == {"key": 0, "claim": 2}
    assert kit.types().count("visit.unclaimed") == MANY
    assert kit.types()[-1] == "shift.signed_off"
    assert kit.station.actor() is None
    assert kit.station.card(visit_of(9)).bag == "49"


def test_nothing_closes_while_a_car_is_on_the_road_or_in_dispute(kit: StationKit) -> None:
    first, second = kit.receive(KEY_1), kit.receive(KEY_2, plate="CD5678")
    kit.tap(ROSA)
    kit.tap(KEY_1)
    moved = {"move": "park", "to_place_id": NORTE}
    kit.tell(event_change(second.visit_id, "car.taken", 2, BOLIVAR, data=moved))
    kit.tap(ANA)
    closing = kit.station.floor.closing
    closing.begin()
    kit.station.floor.key_check.begin()
    kit.station.floor.key_check.finish()
    closing.carry_over()
    state = closing.state()
    assert state is not None
    assert (state.step, state.moving, state.held) == ("cars", (first.code,), (second.code,))
    assert refusal_of(closing.sign) == "closing_open"
    assert refusal_of(closing.seal_bag, first.visit_id, 5) == "wrong_place"


def test_cars_may_be_left_to_the_next_shift_but_only_by_saying_so(kit: StationKit) -> None:
    card = kit.receive(KEY_1)
    closing = kit.station.floor.closing
    closing.begin()
    kit.station.floor.key_check.begin()
    kit.station.floor.key_check.finish()
    assert closing.state().step == "cars"  # type: ignore[union-attr]
    closing.carry_over()
    for kind in ("key", "claim"):
        closing.count(kind, 1)
    assert refusal_of(closing.count, "key", -1) == "bad_choice"
    assert closing.sign("only_one") == 1
    (closed,) = [event for event in kit.recorded() if event["type"] == "place.closed"]
    assert closed["data"]["carried"] == [card.visit_id]
    assert closing.state() is None


def to_be_signed(kit: StationKit) -> Closing:
    """A place where everything is done but the signing."""
    closing = kit.station.floor.closing
    closing.begin()
    kit.station.floor.key_check.begin()
    kit.station.floor.key_check.finish()
    closing.carry_over()
    for kind in ("key", "claim"):
        closing.count(kind, 7)
    return closing


def test_where_two_are_at_work_both_sign_and_the_second_by_badge(kit: StationKit) -> None:
    kit.tap(ROSA)
    kit.tap(ANA)
    closing = to_be_signed(kit)
    assert refusal_of(closing.sign, "only_one") == "second_badge_needed"
    assert closing.sign() is None
    kit.restart()
    kit.station.focus("closing")
    # The first badge once more is no second signature.
    assert kit.tap(ANA).key == "tap.signed_on"
    assert "place.closed" not in kit.types()
    kit.station.focus("closing")
    outcome = kit.tap(ROSA)
    assert (outcome.key, outcome.event_type) == ("done.closed", "place.closed")
    (closed,) = [event for event in kit.recorded() if event["type"] == "place.closed"]
    assert (closed["data"]["signed"], closed["data"]["alone"]) == (["ana", "rosa"], None)
    assert closed["actor"] == "ana"
    assert kit.station.floor.crew.workers() == []


def test_what_changes_after_a_signature_is_signed_anew(kit: StationKit) -> None:
    kit.tap(ROSA)
    kit.tap(ANA)
    closing = to_be_signed(kit)
    closing.sign()
    closing.count("key", 6)
    assert closing.state().signed == ()  # type: ignore[union-attr]
    # A supervisor answers alone where the others have left without a word.
    kit.tap(SOFIA)
    assert closing.sign("others_left") == 0


def test_the_box_of_a_place_is_what_was_counted_less_what_went_out_and_more_by_what_came_back(
    kit: StationKit,
) -> None:
    kit.tap(ANA)
    to_be_signed(kit).sign("only_one")
    box = kit.station.floor.closing.box
    assert box() == {"key": 7, "claim": 7}
    visit_id = ready_car(kit, CLAIM_1)
    assert box() == {"key": 6, "claim": 6}
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).event_type == "visit.handed_over"
    assert kit.station.card(visit_id).state == "handed_over"
    assert box() == {"key": 7, "claim": 7}
    kit.receive(KEY_2, plate="CD5678")
    kit.restart()
    assert kit.station.floor.closing.box() == {"key": 6, "claim": 7}
