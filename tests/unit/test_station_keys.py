"""Where every key is, the check of all of them, and the alarm for one that is out too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_agent.screen_feed import SAY
from tests.station_kit import (
    ANA,
    BOLIVAR,
    CLAIM_2,
    HERRERA,
    KEY_1,
    KEY_2,
    NORTE,
    ROSA,
    STRANGER,
    StationKit,
    event_change,
    received_data,
    refusal_of,
)

ELSEWHERE = "01900000-0000-7000-8000-0000000000aa"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def test_a_key_gets_the_lowest_free_hook_and_keeps_it_until_it_is_taken(kit: StationKit) -> None:
    first = kit.receive(KEY_1)
    second = kit.receive(KEY_2, plate="CD5678")
    assert (first.hook, second.hook) == (1, 2)
    kit.tap(KEY_1)
    assert kit.station.card(first.visit_id).hook is None
    kit.station.request_car(second.visit_id, HERRERA)
    outcome = kit.tap(KEY_2)
    assert (outcome.key, outcome.values["hook"]) == ("tap.ready_at", 2)


def test_a_key_is_found_with_its_last_three_holders(kit: StationKit) -> None:
    card = kit.receive(KEY_1, plate="AB1234")
    kit.tap(ROSA)
    kit.tap(KEY_1)
    kit.tell(event_change(card.visit_id, "car.parked", 3, NORTE, data={"stall": "9", "hook": 12}))

    for text in ("K-1", "k1", card.code, "ab12"):
        (row,) = kit.station.floor.keys.find(text)
        assert [(one.kind, one.name, one.hook) for one in row.holders] == [
            ("hook", "Lote Norte", 12),
            ("person", "Rosa Vega", None),
            ("hook", "Plaza Herrera", 1),
        ]
    assert kit.station.floor.keys.find("--") == []
    assert kit.station.floor.keys.find("K-2") == []


def test_a_key_that_is_out_for_longer_than_its_drive_is_said_aloud_once(kit: StationKit) -> None:
    kit.receive(KEY_1)
    kit.tap(ROSA)
    kit.tap(KEY_1)
    screen = kit.station.feed.subscribe()

    def said() -> list[str | None]:
        found: list[str | None] = []
        while (message := screen.next(0)) is not None:
            if message.kind == SAY and message.key == "keys.overdue":
                found.append(str(message.values["person"]))
        return found

    (row,) = kit.station.floor.keys.in_hands()
    assert row.due_at is not None
    left_s = (row.due_at - kit.station.now()).total_seconds()
    assert 300 < left_s < 900
    kit.clock.advance(left_s - 5)
    kit.station.tick()
    assert said() == []
    kit.clock.advance(10)
    kit.station.tick()
    kit.station.tick()
    assert said() == ["Rosa Vega"]
    assert kit.station.floor.keys.in_hands()[0].is_overdue


def test_the_cloud_may_say_how_long_a_drive_takes(kit: StationKit) -> None:
    roster = kit.station._mirror.roster
    assert roster.drive_s(HERRERA, NORTE) > 100
    place = {
        "id": HERRERA,
        "kind": "booth",
        "name": "Plaza Herrera",
        "letter": "H",
        "x_m": 0,
        "y_m": 0,
        "hooks": 30,
        "near": [NORTE],
        "drive_s": {NORTE: 77},
    }
    kit.tell({"kind": "place", "id": HERRERA, "body": place})
    assert roster.drive_s(HERRERA, NORTE) == 77
    assert roster.drive_s(HERRERA, "nowhere") == 600


def test_a_check_finds_what_is_missing_extra_and_of_another_place(kit: StationKit) -> None:
    first = kit.receive(KEY_1)
    data = received_data(key_tag=KEY_2, claim_tag=None)
    kit.tell(event_change(ELSEWHERE, "visit.received", 1, BOLIVAR, data=data))
    check = kit.station.floor.key_check
    kit.tap(ANA)
    assert refusal_of(check.finish) == "wrong_state"
    check.begin()
    kit.station.focus("keys_check")

    assert kit.tap(CLAIM_2).key == "tap.not_a_key"
    assert kit.tap(KEY_2).key == "tap.checked_odd"
    assert kit.tap(STRANGER).key == "tap.checked_odd"
    kit.restart()
    kit.tap(ANA)
    kit.station.focus("keys_check")
    check = kit.station.floor.key_check
    state = check.state()
    assert state is not None
    assert (state.found, state.expected) == (0, 1)
    assert [key.code for key in state.missing] == [first.code]
    assert [key.where for key in state.misplaced] == ["Plaza Bolívar"]
    assert len(state.extra) == 1

    assert kit.tap(KEY_1).key == "tap.checked"
    check.finish()
    data = kit.recorded()[-1]["data"]
    assert data == {"found": 1, "missing": [], "extra": [STRANGER], "misplaced": [KEY_2]}
    assert check.state() is None
    assert kit.types().count("car.taken") == 0


def test_a_key_that_was_not_tapped_is_missing(kit: StationKit) -> None:
    kit.receive(KEY_1)
    check = kit.station.floor.key_check
    check.begin()
    result = check.finish()
    assert [key.label for key in result.missing] == ["K-1"]
    last = check.last()
    assert last is not None
    assert [key["label"] for key in last["missing"]] == ["K-1"]


def test_a_tap_means_what_it_always_means_once_the_check_is_left(kit: StationKit) -> None:
    kit.receive(KEY_1)
    kit.station.floor.key_check.begin()
    kit.station.focus("queue")
    assert kit.tap(KEY_1).event_type == "car.taken"
