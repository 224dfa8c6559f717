"""What people do at a station: taps and buttons, what is recorded and what is refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from reader_agent.journal import NewEvent
from reader_agent.presence import Arrival, Departure
from schemas import states
from schemas.hours import PANAMA
from schemas.phones import normalise_phone
from schemas.problems import Refusal
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
    STRANGER,
    SUR,
    StationKit,
    change,
    event_change,
    ready_car,
    received_data,
    refusal_of,
    visit_change,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


@pytest.fixture
def lot(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path, NORTE)


def _record(kit: StationKit, count: int) -> None:
    for _ in range(count):
        kit.station._recorder.record(lambda _work: NewEvent("shift.signed_on"), "ana")


def _parked_here(lot: StationKit) -> None:
    lot.tell(
        event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data()),
        event_change(VISIT, "car.taken", 2, BOLIVAR, data={"move": "park", "to_place_id": NORTE}),
        visit_change(VISIT),
    )
    lot.tap(ROSA)
    assert lot.tap(KEY_1).event_type == "car.parked"


def test_signing_on_is_recorded_once_until_signing_off(kit: StationKit) -> None:
    assert kit.tap(ANA).event_type == "shift.signed_on"
    assert kit.tap(ROSA).event_type == "shift.signed_on"
    assert kit.tap(ANA).event_type is None
    kit.station.sign_off()
    assert kit.station.actor() is None
    assert kit.types() == ["shift.signed_on", "shift.signed_on", "shift.signed_off"]
    assert kit.tap(ANA).event_type == "shift.signed_on"


def test_an_actor_who_does_nothing_is_forgotten_but_stays_on_shift(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.clock.advance(80)
    kit.station.focus("search")
    kit.clock.advance(80)
    assert kit.station.actor() is not None
    kit.clock.advance(10)
    assert kit.station.actor() is None
    kit.restart()
    assert kit.tap(ANA).event_type is None


def test_an_unknown_tag_and_an_unconfirmed_one_record_nothing(kit: StationKit) -> None:
    kit.tap(ANA)
    assert kit.tap(STRANGER).key == "tap.unknown"
    assert kit.tap(KEY_1, confirmed=False).tone is None
    assert kit.station.draft() is None
    assert kit.types() == ["shift.signed_on"]


def test_a_read_that_was_never_certain_asks_for_the_tag_again(kit: StationKit) -> None:
    screen = kit.station.feed.subscribe()
    kit.station.on_departure(Departure(KEY_1, "em125", kit.clock.mono_ns(), confirmed=False))
    message = screen.next(1)
    assert message is not None
    assert (message.key, message.tone) == ("tap.again", "warn")


def test_a_reception_needs_badge_plate_and_a_word_about_the_phone(kit: StationKit) -> None:
    assert kit.tap(KEY_1).key == "tap.badge_first"
    kit.tap(ANA)
    assert refusal_of(kit.station.receive) == "no_draft"
    kit.tap(KEY_1)
    assert refusal_of(kit.station.receive) == "bad_plate"
    kit.station.edit_draft(plate="ab 1234")
    assert refusal_of(kit.station.receive) == "phone_needed"
    kit.station.edit_draft(no_phone=True)
    card = kit.station.receive()
    assert (card.code, card.plate, card.has_phone) == ("H-0001", "AB1234", False)
    assert kit.station.draft() is None


def test_a_draft_survives_a_restart_and_goes_from_the_disk_when_received(
    kit: StationKit, tmp_path: Path
) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.edit_draft(plate="AB1234", phone="6123 4567")
    kit.restart()
    draft = kit.station.draft()
    assert draft is not None
    assert (draft.plate, draft.phone, draft.key_label) == ("AB1234", "+50761234567", "K-1")
    kit.tap(ANA)
    kit.station.receive()
    kit.restart()
    assert kit.station.draft() is None


def test_a_field_that_is_refused_changes_nothing(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    before = kit.station.edit_draft(plate="AB1234")
    assert refusal_of(kit.station.edit_draft, plate="XY99", phone="12") == "bad_phone"
    assert refusal_of(kit.station.edit_draft, phone="2612345") == "landline_phone"
    assert refusal_of(kit.station.edit_draft, claim_tag="em4100:1") == "unknown_tag"
    assert refusal_of(kit.station.edit_draft, claim_tag=KEY_2) == "wrong_tag_kind"
    assert kit.station.draft() == before


def test_the_language_follows_the_phone_until_somebody_chooses(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert kit.station.edit_draft(phone="+12025550123").language == "en"
    assert kit.station.edit_draft(phone="61234567").language == "es"
    assert kit.station.edit_draft(language="en").language == "en"
    assert kit.station.edit_draft(phone="61234568").language == "en"


def test_another_key_tag_keeps_what_was_typed(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.edit_draft(plate="AB1234")
    assert kit.tap(KEY_2).screen == "receive"
    draft = kit.station.draft()
    assert draft is not None
    assert (draft.key_tag, draft.plate) == (KEY_2, "AB1234")


def test_a_claim_tag_is_noted_in_the_draft_by_a_tap(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).key == "tap.claim_noted"
    kit.station.edit_draft(plate="AB1234", no_phone=True)
    assert kit.station.receive().claim_label == "C-1"
    kit.tap(KEY_2)
    assert kit.tap(CLAIM_1).key == "tap.claim_in_use"
    assert refusal_of(kit.station.edit_draft, claim_tag=CLAIM_1) == "tag_in_use"


def test_ticket_codes_count_up_over_a_restart_and_skip_those_in_use(kit: StationKit) -> None:
    assert kit.receive(KEY_1).code == "H-0001"
    kit.restart()
    data = received_data("H-0002", key_tag="em4100:0B0000000F", claim_tag=None)
    kit.tell(event_change(VISIT, "visit.received", 1, BOLIVAR, data=data))
    assert kit.receive(KEY_2).code == "H-0003"


def test_no_phone_and_no_plate_stand_in_the_chain(kit: StationKit) -> None:
    kit.receive(plate="AB1234", phone="61234567")
    lines = b"".join(line for _, line in kit.station._journal.lines())
    assert b"61234567" not in lines
    assert b"AB1234" not in lines
    asked = kit.station.exchange.ask(limit_events=500, limit_bytes=10**6)
    (record,) = asked.header["records"]
    assert (record["plate"], record["phone"]) == ("AB1234", normalise_phone("61234567"))
    assert kit.station.exchange.ask(limit_events=1, limit_bytes=10**6).header["records"] == []


def test_a_car_at_the_kerb_is_taken_and_comes_back(kit: StationKit) -> None:
    card = kit.receive()
    outcome = kit.tap(KEY_1)
    assert (outcome.key, outcome.values["place"]) == ("tap.taken", "Lote Norte")
    taken = kit.station.card(card.visit_id)
    assert (taken.state, taken.key_holder_name) == (states.TO_LOT, "Ana Ríos")
    assert kit.tap(KEY_1).event_type == "car.ready"


def test_a_key_laid_down_twice_does_not_undo_its_first_tap(kit: StationKit) -> None:
    kit.receive()
    assert kit.tap(KEY_1).event_type == "car.taken"
    assert kit.tap(KEY_1, pause_s=2).key == "tap.just_done"
    assert kit.types()[-1] == "car.taken"


def test_a_tap_that_nobody_was_told_of_is_not_done_twice_when_it_is_repeated(
    kit: StationKit,
) -> None:
    kit.receive()
    assert kit.tap(KEY_1).event_type == "car.taken"
    kit.clock.advance(4)
    kit.restart()
    assert kit.tap(KEY_1).key == "tap.badge_first"
    kit.tap(ANA)
    assert kit.tap(KEY_1).key == "tap.just_done"
    # From here on they know, and the next tap says something new.
    assert kit.tap(KEY_1, pause_s=4).key == "tap.just_done"
    assert kit.tap(KEY_1, pause_s=4).event_type == "car.ready"


def test_only_the_last_car_of_a_moment_ago_counts_as_untold(kit: StationKit) -> None:
    kit.receive()
    assert kit.tap(KEY_1).event_type == "car.taken"
    kit.clock.advance(20)
    kit.restart()
    kit.tap(ANA)
    assert kit.tap(KEY_1).event_type == "car.ready"
    kit.clock.advance(2)
    kit.clock.reboot("another-boot")
    kit.clock.advance(10)
    kit.restart()
    kit.tap(ANA)
    kit.station.request_car(kit.station.queue()[0].visit_id, HERRERA)
    assert kit.tap(KEY_1).screen == "hand_over"


def test_a_lot_lets_a_car_go_only_when_somebody_asked(lot: StationKit) -> None:
    _parked_here(lot)
    assert lot.tap(KEY_1).key == "tap.not_asked"
    assert refusal_of(lot.station.take, VISIT) == "no_request"
    lot.station.request_car(VISIT, HERRERA)
    assert lot.station.queue()[0].visit_id == VISIT
    outcome = lot.tap(KEY_1)
    assert (outcome.event_type, outcome.values["place"]) == ("car.taken", "Plaza Herrera")
    event = lot.recorded()[-1]
    assert event["data"] == {"move": "retrieve", "to_place_id": HERRERA}
    assert event["step"] == 5


def test_a_button_may_send_a_parked_car_to_another_lot(lot: StationKit) -> None:
    _parked_here(lot)
    card = lot.station.take(VISIT, SUR)
    assert (card.state, card.destination_name) == (states.TO_LOT, "Lote Sur")
    assert lot.recorded()[-1]["data"]["move"] == "relocate"
    assert refusal_of(lot.station.take, VISIT, BOLIVAR) == "already_on_its_way"


def test_a_car_that_is_elsewhere_cannot_be_taken_here(kit: StationKit) -> None:
    kit.tell(event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data()))
    kit.tap(ANA)
    assert refusal_of(kit.station.take, VISIT, NORTE) == "wrong_place"
    assert refusal_of(kit.station.park, VISIT) == "wrong_place"
    assert refusal_of(kit.station.take, "nobody") == "unknown_visit"


def test_a_stall_is_noted_where_the_car_is_parked(lot: StationKit) -> None:
    _parked_here(lot)
    assert lot.station.park(VISIT, " 12-B ").stall == "12-B"
    assert refusal_of(lot.station.park, VISIT, "x" * 21) == "bad_choice"


def test_a_request_is_checked(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id
    request, now = kit.station.request_car, kit.station.now()
    assert refusal_of(request, visit_id, NORTE) == "unknown_place"
    assert refusal_of(request, visit_id, "nowhere") == "unknown_place"
    assert refusal_of(request, visit_id, HERRERA, now - timedelta(hours=1)) == "bad_time"
    assert refusal_of(request, visit_id, HERRERA, now + timedelta(days=8)) == "bad_time"
    card = request(visit_id, BOLIVAR, now + timedelta(hours=1))
    assert (card.state, card.request_booth_id) == (states.REQUESTED, BOLIVAR)


def test_the_same_request_again_records_nothing(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id
    wanted_at = kit.station.now() + timedelta(minutes=30)
    kit.station.request_car(visit_id, HERRERA, wanted_at)
    kit.station.request_car(visit_id, HERRERA, wanted_at)
    assert kit.types().count("visit.requested") == 1
    kit.station.cancel_request(visit_id)
    assert refusal_of(kit.station.cancel_request, visit_id) == "no_request"


def test_a_car_asked_for_at_its_own_kerb_becomes_ready_by_its_next_tap(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    assert kit.station.card(visit_id).state == states.READY
    assert refusal_of(kit.station.request_car, visit_id, BOLIVAR) == "wrong_state"


def test_a_closed_booth_is_not_asked_for_cars(kit: StationKit) -> None:
    place = {"id": BOLIVAR, "kind": "booth", "name": "B", "letter": "B", "x_m": 0, "y_m": 0}
    kit.tell(change("place", BOLIVAR, place | {"hooks": 1, "is_open": False, "near": []}))
    visit_id = kit.receive().visit_id
    assert refusal_of(kit.station.request_car, visit_id, BOLIVAR) == "booth_closed"


def test_a_booth_is_asked_for_cars_by_its_hours_but_for_the_one_that_somebody_stands_in(
    kit: StationKit,
) -> None:
    visit_id, now = kit.receive().visit_id, kit.station.now()
    local = now.astimezone(PANAMA)
    # From an hour after now, for an hour, on every day.
    begin, end = ((local + timedelta(hours=ahead)).strftime("%H:%M") for ahead in (1, 2))
    hours = [{"weekdays": list(range(7)), "from_time": begin, "until_time": end}]
    for place_id, letter in ((BOLIVAR, "B"), (HERRERA, "H")):
        place = {"id": place_id, "kind": "booth", "name": letter, "letter": letter, "x_m": 0}
        kit.tell(change("place", place_id, place | {"y_m": 0, "hooks": 1, "hours": hours}))
    later = now + timedelta(minutes=90)

    assert refusal_of(kit.station.request_car, visit_id, BOLIVAR) == "booth_closed"
    assert refusal_of(kit.station.request_car, visit_id, HERRERA, now + timedelta(hours=4)) == (
        "booth_closed"
    )
    kit.station.request_car(visit_id, HERRERA)
    kit.station.request_car(visit_id, BOLIVAR, later)
    kit.restart()
    kit.tap(ANA)
    assert refusal_of(kit.station.request_car, visit_id, BOLIVAR) == "booth_closed"


def test_nothing_happens_without_an_actor(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id
    kit.station.sign_off()
    for action in (
        kit.station.receive,
        lambda: kit.station.take(visit_id),
        lambda: kit.station.ready(visit_id),
        lambda: kit.station.request_car(visit_id, HERRERA),
        lambda: kit.station.hand_over(visit_id, "code", code="0000"),
    ):
        assert refusal_of(action) == "not_signed_in"


def test_every_screen_hears_of_a_tap_and_none_can_hold_it_up(kit: StationKit) -> None:
    awake, asleep = kit.station.feed.subscribe(), kit.station.feed.subscribe()
    kit.tap(ANA)
    message = awake.next(1)
    assert message is not None
    assert (message.kind, message.key, message.tone) == ("say", "tap.signed_on", "ok")
    for _ in range(200):
        kit.tap(STRANGER)
    assert len(asleep._messages) <= 64
    awake.close()
    assert awake.next(0.01) is None


def test_ending_the_station_wakes_a_waiting_screen(kit: StationKit) -> None:
    screen = kit.station.feed.subscribe()
    waiting = threading.Thread(target=screen.next, args=(30,))
    waiting.start()
    kit.station.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_full_disk_beeps_an_error_and_the_screen_says_so(kit: StationKit) -> None:
    kit.tap(ANA)
    db = kit.station._db
    (pages,) = db.rows("PRAGMA page_count")[0]
    db.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Refusal):
        _record(kit, 500)
    recorded = kit.head_seq
    outcome = kit.tap(ROSA)
    assert (outcome.tone, outcome.key) == ("error", "problem.storage_full")
    assert outcome.event_type is None
    assert kit.head_seq == recorded
    assert kit.station.status().storage == "full"
    db.rows("PRAGMA max_page_count = 1000000")
    kit.station.tick()
    assert kit.station.status().storage == "ok"
    assert kit.tap(ROSA).tone == "ok"


def test_taps_from_several_readers_at_once_keep_one_dense_chain(kit: StationKit) -> None:
    def tap(tag: str) -> None:
        for _ in range(10):
            kit.station.on_arrival(Arrival(tag, "em125", kit.clock.mono_ns(), confirmed=True))
            kit.station.sign_off()

    threads = [threading.Thread(target=tap, args=(tag,)) for tag in (ANA, ROSA, SOFIA)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert kit.station._journal.check_chain() == kit.head_seq
    assert len(kit.types()) >= 6
