"""A driver's QR code under the booth's scanner, and radio tags that pass by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reader_agent.presence import Arrival, Departure
from reader_agent.tap_outcome import TapOutcome
from schemas.driver_qr import encode
from schemas.handover_code import code_at
from tests.station_kit import (
    ANA,
    CODE_KEY,
    KEY_1,
    KEY_2,
    StationKit,
    change,
    ready_car,
)

RADIO = "epc:E280689000000001"
GIVEN = {"proof": "code", "reason": None, "has_claim_tag": True}


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def scan(kit: StationKit, text: str, *, confirmed: bool = True) -> TapOutcome:
    """Hold a code under the scanner."""
    tag = f"code:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return kit.tap(tag, text=text, confirmed=confirmed)


def digits_of(kit: StationKit, *, wrong: bool = False) -> str:
    right = code_at(CODE_KEY, kit.station.now())
    return f"{(int(right) + 5_000) % 10_000:04d}" if wrong else right


def hear(kit: StationKit, *, confirmed: bool = True) -> TapOutcome:
    """The radio tag answers."""
    kit.clock.advance(10)
    arrival = Arrival(RADIO, "uhf", kit.clock.mono_ns(), confirmed, rssi_dbm=-51)
    return kit.station.on_arrival(arrival)


def with_radio(kit: StationKit, **more: str) -> None:
    """The radio tag hangs beside the first key tag."""
    kit.tell(change("tag", RADIO, {"id": RADIO, "kind": "key", "label": "K-1", **more}))


def test_a_drivers_code_hands_over_the_car_that_is_on_the_screen(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("hand_over", visit_id)
    assert scan(kit, encode("H-0001", digits_of(kit))).key == "tap.key_first"
    kit.tap(KEY_1)
    outcome = scan(kit, encode("H-0001", digits_of(kit)))
    assert (outcome.key, outcome.event_type) == ("tap.handed_over", "visit.handed_over")
    data = kit.recorded()[-1]["data"]
    assert data == {**GIVEN, "opened_by": "key_tag"}


def test_wrong_digits_are_counted_as_typed_ones_are(kit: StationKit) -> None:
    ready_car(kit)
    kit.tap(KEY_1)
    outcomes = [scan(kit, encode("H-0001", digits_of(kit, wrong=True))) for _ in range(5)]
    assert [outcome.key for outcome in outcomes] == [
        *["problem.bad_code_left"] * 4,
        "problem.code_locked",
    ]
    assert outcomes[0].values == {"left": 4}
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert scan(kit, encode("H-0001", digits_of(kit))).key == "problem.code_locked"


def test_elsewhere_a_drivers_code_opens_the_ticket_and_counts_nothing(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("queue")
    outcome = scan(kit, encode("H-0001", digits_of(kit, wrong=True)))
    assert (outcome.key, outcome.screen, outcome.visit_id) == ("tap.ticket", "ticket", visit_id)
    assert outcome.event_type is None


def test_the_code_of_another_car_hands_nothing_over(kit: StationKit) -> None:
    ready_car(kit)
    other = kit.receive(KEY_2, plate="CD5678")
    kit.station.focus("hand_over", other.visit_id)
    outcome = scan(kit, encode("H-0001", digits_of(kit)))
    assert (outcome.key, outcome.tone, outcome.screen) == ("tap.code_other", "error", "stop")
    assert "visit.handed_over" not in kit.types()


def test_a_drivers_code_does_nothing_without_a_badge(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("hand_over", visit_id)
    kit.clock.advance(91)
    assert scan(kit, encode("H-0001", digits_of(kit))).key == "tap.badge_first"


def test_the_code_of_no_open_ticket_is_said_to_be_so(kit: StationKit) -> None:
    kit.tap(ANA)
    assert scan(kit, encode("Z-9999", "0000")).key == "problem.unknown_visit"


@pytest.mark.parametrize("text", ["hello", "CV2:H-0001:1234", "https://v.example/t"])
def test_any_other_text_is_an_unknown_tag(kit: StationKit, text: str) -> None:
    ready_car(kit)
    assert scan(kit, text).key == "tap.unknown"


def test_an_unconfirmed_scan_does_nothing(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    kit.station.focus("hand_over", visit_id)
    assert scan(kit, encode("H-0001", digits_of(kit)), confirmed=False).key is None


def test_a_printed_code_that_was_enrolled_is_a_tag_like_any_other(kit: StationKit) -> None:
    tag = f"code:{hashlib.sha256(b'KEY 7').hexdigest()[:32]}"
    kit.tell(change("tag", tag, {"id": tag, "kind": "key", "label": "K-7"}))
    kit.tap(ANA)
    assert scan(kit, "KEY 7").key == "tap.new_visit"


def test_a_radio_tag_is_noted_on_the_ticket_and_does_nothing_else(kit: StationKit) -> None:
    card = kit.receive()
    with_radio(kit)
    screen = kit.station.feed.subscribe()
    before = kit.types()
    outcome = hear(kit)
    assert (outcome.tone, outcome.key, outcome.screen) == (None, None, None)
    kit.station.on_departure(Departure(RADIO, "uhf", kit.clock.mono_ns(), confirmed=False))
    assert screen.next(0) is None
    assert kit.types() == before
    seen = kit.station.card(card.visit_id)
    assert (seen.seen_at, seen.seen_place_name) == (kit.station.now(), "Plaza Herrera")


@pytest.mark.parametrize(
    ("confirmed", "status"), [(False, "active"), (True, "lost"), (True, "retired")]
)
def test_a_hint_that_is_not_sure_or_out_of_use_is_not_noted(
    kit: StationKit, status: str, *, confirmed: bool
) -> None:
    card = kit.receive()
    with_radio(kit, status=status)
    hear(kit, confirmed=confirmed)
    assert kit.station.card(card.visit_id).seen_at is None


def test_what_was_heard_before_the_car_came_was_the_car_before_it(kit: StationKit) -> None:
    with_radio(kit)
    hear(kit)
    kit.clock.advance(60)
    assert kit.station.card(kit.receive().visit_id).seen_at is None


def test_a_radio_tag_is_no_key_tag_of_a_reception(kit: StationKit) -> None:
    with_radio(kit)
    kit.tap(ANA)
    hear(kit)
    assert kit.station.draft() is None
    assert kit.tap(KEY_1).key == "tap.new_visit"
