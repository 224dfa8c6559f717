"""The mirror: the district in memory, fed by the cloud and by this station's own hands."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest

from reader_agent.clock import FakeClock
from reader_agent.station import Station
from schemas import states
from schemas.problems import Refusal
from tests.station_kit import (
    BOLIVAR,
    CLAIM_1,
    EVENING,
    HERRERA,
    KEY_1,
    NORTE,
    StationKit,
    change,
    config_of,
    event_change,
    received_data,
    visit_change,
)

VISIT = "01900000-0000-7000-8000-0000000000aa"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def _received_elsewhere(visit_id: str = VISIT, **data: object) -> dict[str, object]:
    return event_change(visit_id, "visit.received", 1, BOLIVAR, data=received_data(**data))  # type: ignore[arg-type]


def test_a_visit_of_another_booth_is_known_here(kit: StationKit) -> None:
    kit.tell(_received_elsewhere(), visit_change(VISIT))
    card = kit.station.card(VISIT)
    assert (card.code, card.plate, card.place_name) == ("B-0001", "AB1234", "Plaza Bolívar")
    assert (card.key_label, card.claim_label) == ("K-1", "C-1")
    assert (card.has_phone, card.is_unsent) == (True, False)


@pytest.mark.parametrize("is_backwards", [False, True])
def test_changes_may_come_in_any_order(kit: StationKit, *, is_backwards: bool) -> None:
    taken = {"move": "park", "to_place_id": NORTE}
    changes = [
        _received_elsewhere(),
        event_change(VISIT, "car.taken", 2, BOLIVAR, data=taken),
        event_change(VISIT, "car.parked", 3, NORTE, data={"stall": "12"}),
        visit_change(VISIT),
    ]
    for one in reversed(changes) if is_backwards else changes:
        kit.tell(one)
    card = kit.station.card(VISIT)
    assert (card.state, card.place_id, card.stall) == (states.PARKED, NORTE, "12")


def test_everything_is_still_known_after_a_restart(kit: StationKit) -> None:
    promise = {
        "booth_id": HERRERA,
        "ready_from": (EVENING + timedelta(minutes=10)).isoformat(),
        "ready_by": (EVENING + timedelta(minutes=15)).isoformat(),
    }
    move = {"kind": "retrieve", "from_place_id": BOLIVAR, "to_place_id": HERRERA}
    wanted = {"booth_id": HERRERA, "wanted_at": EVENING.isoformat(), "source": "driver"}
    kit.tell(
        _received_elsewhere(),
        event_change(VISIT, "visit.requested", 2, BOLIVAR, data=wanted),
        visit_change(VISIT, promise=promise, move=move | {"runner_id": "rosa", "why": None}),
    )
    before = kit.station.card(VISIT)
    assert before.ready_by == EVENING + timedelta(minutes=15)
    assert (before.move_to_name, before.runner_name) == ("Plaza Herrera", "Rosa Vega")
    cursor = kit.cursor
    kit.restart()
    assert kit.station.card(VISIT) == before
    assert kit.cursor == cursor
    assert [place.id for place in kit.station.places()][:2] == [BOLIVAR, HERRERA]


def test_an_answer_to_another_question_is_not_applied(kit: StationKit) -> None:
    changed = kit.tell(_received_elsewhere(), from_cursor=kit.cursor - 1)
    assert not changed
    with pytest.raises(Refusal) as refusal:
        kit.station.card(VISIT)
    assert refusal.value.code == "unknown_visit"


def test_a_change_that_cannot_be_understood_stops_nothing_behind_it(kit: StationKit) -> None:
    cursor = kit.cursor
    unknown = event_change(VISIT, "car.flown", 2, BOLIVAR)
    broken = change("visit", VISIT, {"is_open": "perhaps"})
    kit.tell(unknown, broken, change("tag", "x", {}), _received_elsewhere())
    assert kit.station.card(VISIT).code == "B-0001"
    assert kit.cursor == cursor + 1


def test_a_closed_visit_is_forgotten_once_nothing_of_it_is_unsent(kit: StationKit) -> None:
    card = kit.receive()
    kit.tell(visit_change(card.visit_id, is_open=False))
    assert kit.station.card(card.visit_id).is_unsent
    kit.tell(acknowledge=True)
    with pytest.raises(Refusal):
        kit.station.card(card.visit_id)
    assert kit.station._journal.guests.known() == {}
    kit.restart()
    with pytest.raises(Refusal):
        kit.station.card(card.visit_id)


def test_the_plate_of_ones_own_visit_is_known_before_the_cloud_answers(kit: StationKit) -> None:
    card = kit.receive(plate="cd 5678", phone="61234567")
    assert (card.plate, card.has_phone) == ("CD5678", True)
    kit.restart()
    assert kit.station.card(card.visit_id).plate == "CD5678"


def test_the_better_time_of_the_cloud_replaces_ones_own(kit: StationKit) -> None:
    card = kit.receive()
    event = kit.recorded()[-1]
    del event["hash"]
    earlier = EVENING - timedelta(hours=1)
    body = {
        "journal_id": kit.station._journal.journal_id,
        "at": earlier.isoformat(),
        "event": event,
    }
    kit.tell(change("event", event["id"], body))
    assert kit.station.card(card.visit_id).since == earlier


def test_visits_are_found_by_a_part_of_plate_or_code(kit: StationKit) -> None:
    kit.tell(_received_elsewhere(), visit_change(VISIT, plate="XY9876"))
    own = kit.receive("em4100:0B00000002", plate="AB1234")
    assert [card.visit_id for card in kit.station.search("9876")] == [VISIT]
    assert [card.visit_id for card in kit.station.search("b-0001")] == [VISIT]
    assert [card.visit_id for card in kit.station.search("ab-12")] == [own.visit_id]
    assert kit.station.search(" - ") == []


def test_a_promise_for_an_earlier_request_is_not_shown(kit: StationKit) -> None:
    window = {"ready_from": EVENING.isoformat(), "ready_by": EVENING.isoformat()}
    wanted = {"booth_id": HERRERA, "wanted_at": None, "source": "driver"}
    kit.tell(
        _received_elsewhere(),
        event_change(VISIT, "visit.requested", 2, BOLIVAR, data=wanted),
        visit_change(VISIT, promise={"booth_id": BOLIVAR} | window),
    )
    assert kit.station.card(VISIT).ready_by is None
    kit.tell(visit_change(VISIT, promise={"booth_id": HERRERA} | window))
    kit.clock.advance(1)
    assert kit.station.card(VISIT).is_late


def test_two_open_visits_with_one_tag_are_both_known(kit: StationKit) -> None:
    other = VISIT[:-1] + "b"
    kit.tell(
        _received_elsewhere(),
        _received_elsewhere(other, code="B-0002"),
        visit_change(VISIT, tag_shared=True),
    )
    assert [visit.id for visit in kit.station._mirror.with_tag(KEY_1)] == [VISIT, other]
    assert len(kit.station._mirror.with_tag(CLAIM_1)) == 2
    assert kit.station.card(VISIT).held_reasons == ("tag_shared",)


def test_a_booth_shows_what_is_asked_for_first_and_then_what_waits_longest(
    kit: StationKit,
) -> None:
    waiting = kit.receive("em4100:0B00000002")
    wanted = {"booth_id": HERRERA, "wanted_at": None, "source": "driver"}
    kit.tell(
        _received_elsewhere(),
        event_change(VISIT, "visit.requested", 2, BOLIVAR, data=wanted),
    )
    assert [card.visit_id for card in kit.station.queue()] == [VISIT, waiting.visit_id]


def test_two_thousand_visits_are_ready_in_less_than_two_seconds(kit: StationKit) -> None:
    changes = []
    for number in range(2_000):
        visit_id = f"01900000-0000-7000-8000-{number:012d}"
        tags = {"key_tag": f"em4100:{number:010X}", "claim_tag": None}
        data = received_data(f"B-{number:04d}", **tags)
        taken = {"move": "park", "to_place_id": NORTE}
        changes += [
            event_change(visit_id, "visit.received", 1, BOLIVAR, data=data),
            event_change(visit_id, "car.taken", 2, BOLIVAR, data=taken),
            event_change(visit_id, "car.parked", 3, NORTE, data={"stall": "1"}),
            visit_change(visit_id),
        ]
    kit.tell(*changes)
    kit.station.close()
    # Processor time, because a busy test machine is no slower station.
    started_s = time.process_time()
    kit.station = type(kit.station)(kit.config, kit.clock)
    assert len(kit.station._mirror.visits()) == 2_000
    assert time.process_time() - started_s < 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE mirror_event SET at = replace(at, ':', '=')",
        "UPDATE mirror_event SET event = replace(event, 'wall', 'well')",
        "UPDATE mirror_event SET event = replace(event, 'key_tag', 'key_tug')",
        "UPDATE mirror_doc SET body = replace(body, 'name', 'nime')",
    ],
)
def test_what_a_card_changed_without_breaking_it_is_asked_for_again(
    kit: StationKit, tmp_path: Path, damage: str
) -> None:
    kit.tell(_received_elsewhere(), visit_change(VISIT))
    kit.station.close()
    (file,) = tmp_path.rglob("station.sqlite3")
    with contextlib.closing(sqlite3.connect(file)) as damaged, damaged:
        damaged.execute(damage)
    station = Station(config_of(tmp_path), FakeClock())
    asked = station.exchange.ask(limit_events=0, limit_bytes=0)
    assert (asked.cursor, station.status().damaged_journals) == (0, ())
    station.close()
    again = StationKit(tmp_path)
    again.tell(_received_elsewhere(), visit_change(VISIT))
    assert again.station.card(VISIT).code == "B-0001"
