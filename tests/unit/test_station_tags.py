"""The district's tags at a station: lost, retired and found, and what was done here over what the
cloud tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.sync import ACCEPTED, REFUSED
from tests.station_kit import (
    ANA,
    CLAIM_1,
    CLAIM_2,
    KEY_1,
    KEY_2,
    ROSA,
    SOFIA,
    StationKit,
    change,
    ready_car,
    refusal_of,
)

NEW = "em4100:0E00000001"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    kit = StationKit(tmp_path)
    kit.tap(SOFIA)
    return kit


def tag_doc(tag: str, kind: str = "key", label: str = "K-1", **more: Any) -> dict[str, Any]:
    return change("tag", tag, {"id": tag, "kind": kind, "label": label, **more})


def lose(kit: StationKit, tag: str, status: str = "lost") -> None:
    kit.tap(SOFIA)
    kit.station.tags.mark(tag, status, "nobody has it")


def enrol(kit: StationKit, tag: str = NEW) -> None:
    kit.tap(SOFIA)
    kit.station.enrolment.begin("key")
    kit.station.focus("enroll")
    assert kit.tap(tag).event_type == "tag.enrolled"
    kit.station.enrolment.end()
    kit.station.focus("queue")


def status_of(kit: StationKit, tag: str) -> str:
    return kit.station.tags.row(tag).status


def label_of(kit: StationKit, tag: str) -> str:
    return kit.station._mirror.roster.label(tag)


# What a tag out of use does.


@pytest.mark.parametrize(("status", "key"), [("lost", "tap.lost"), ("retired", "tap.retired")])
@pytest.mark.parametrize("tag", [KEY_2, CLAIM_2, ROSA])
def test_a_tag_out_of_use_opens_nothing(kit: StationKit, tag: str, status: str, key: str) -> None:
    lose(kit, tag, status)
    assert kit.tap(tag).key == key
    assert kit.station.draft() is None
    actor = kit.station.actor()
    assert actor is not None
    assert actor.id == "sofia"


def test_a_lost_claim_tag_proves_nothing(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    lose(kit, CLAIM_1)
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).key == "tap.lost"
    hand_over = kit.station.hand_over
    assert refusal_of(hand_over, visit_id, "claim_tag", claim_tag=CLAIM_1) == "tag_lost"
    lose(kit, CLAIM_1, "active")
    kit.station.hand_over(visit_id, "claim_tag", claim_tag=CLAIM_1)


def test_the_lost_key_tag_of_a_car_that_is_here_still_opens_its_ticket(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    lose(kit, KEY_1)
    outcome = kit.tap(KEY_1)
    assert (outcome.key, outcome.tone) == ("tap.lost_key", "warn")
    assert (outcome.screen, outcome.visit_id) == ("ticket", visit_id)
    assert outcome.event_type is None
    kit.clock.advance(91)
    assert kit.tap(KEY_1).key == "tap.badge_first"


def test_a_tag_that_was_lost_while_a_car_is_taken_in_is_refused_at_the_end(kit: StationKit) -> None:
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.edit_draft(plate="AB1234", no_phone=True, claim_tag=CLAIM_1)
    kit.tell(tag_doc(CLAIM_1, "claim", "C-1", status="lost"))
    assert refusal_of(kit.station.receive) == "tag_lost"
    assert refusal_of(kit.station.edit_draft, claim_tag=CLAIM_1) == "tag_lost"


# Marking.


def test_a_tag_is_marked_with_who_and_why(kit: StationKit) -> None:
    lose(kit, KEY_2)
    event = kit.recorded()[-1]
    assert (event["type"], event["actor"]) == ("tag.marked", "sofia")
    assert event["data"] == {"tag": KEY_2, "status": "lost", "reason": "nobody has it"}


@pytest.mark.parametrize(
    ("tag", "status", "reason", "code"),
    [
        (NEW, "lost", "nobody has it", "unknown_tag"),
        (KEY_2, "active", "nobody has it", "bad_choice"),
        (KEY_2, "eaten", "nobody has it", "bad_choice"),
        (KEY_2, "lost", " ", "reason_needed"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(
    kit: StationKit, tag: str, status: str, reason: str, code: str
) -> None:
    assert refusal_of(kit.station.tags.mark, tag, status, reason) == code


def test_the_tag_of_a_car_that_is_here_may_be_lost_but_not_retired(kit: StationKit) -> None:
    kit.receive()
    kit.tap(SOFIA)
    assert refusal_of(kit.station.tags.mark, KEY_1, "retired", "broken") == "tag_in_use"
    lose(kit, KEY_1)


def test_only_a_supervisor_or_manager_marks(kit: StationKit) -> None:
    kit.tap(ANA)
    assert refusal_of(kit.station.tags.mark, KEY_2, "lost", "nobody has it") == "not_allowed"
    kit.clock.advance(91)
    assert refusal_of(kit.station.tags.mark, KEY_2, "lost", "nobody has it") == "not_signed_in"


# The inventory.


def test_the_inventory_counts_by_kind_and_status(kit: StationKit) -> None:
    lose(kit, KEY_2)
    kit.tell(tag_doc("epc:E280689000000001", label="K-1"))
    counts = kit.station.tags.counts()
    assert counts["key"] == {"active": 1, "lost": 1, "retired": 0}
    assert counts["radio"] == {"active": 1, "lost": 0, "retired": 0}
    assert counts["badge"]["active"] == 3


def test_the_inventory_is_sorted_as_people_count_and_says_who_has_what(kit: StationKit) -> None:
    kit.receive()
    kit.tell(tag_doc(NEW, label="K-10"))
    rows = kit.station.tags.rows(group="key")
    assert [(row.label, row.ticket) for row in rows] == [
        ("K-1", "H-0001"),
        ("K-2", None),
        ("K-10", None),
    ]
    assert kit.station.tags.rows(group="badge")[0].person == "Ana Ríos"


@pytest.mark.parametrize("text", ["k2", "K-2", "0b00000002", " k-2 "])
def test_a_tag_is_found_by_its_number_or_its_id(kit: StationKit, text: str) -> None:
    assert [row.id for row in kit.station.tags.rows(text=text)] == [KEY_2]


def test_only_the_lost_ones_are_asked_for(kit: StationKit) -> None:
    lose(kit, KEY_2)
    assert [row.id for row in kit.station.tags.rows(status="lost")] == [KEY_2]


# What was done here, over what the cloud tells.


def test_what_was_done_here_survives_a_restart_and_older_documents(kit: StationKit) -> None:
    enrol(kit)
    lose(kit, KEY_2)
    kit.restart()
    assert (label_of(kit, NEW), status_of(kit, KEY_2)) == ("K-3", "lost")
    kit.tell(tag_doc(KEY_2, label="K-2"))
    assert status_of(kit, KEY_2) == "lost"
    kit.restart()
    assert status_of(kit, KEY_2) == "lost"


def test_once_the_cloud_has_it_the_clouds_documents_count(kit: StationKit) -> None:
    enrol(kit)
    lose(kit, KEY_2)
    documents = [tag_doc(NEW, label="K-007"), tag_doc(KEY_2, label="K-2", status="retired")]
    kit.tell(*documents, acknowledge=True)
    assert (label_of(kit, NEW), status_of(kit, KEY_2)) == ("K-007", "retired")
    kit.restart()
    assert (label_of(kit, NEW), status_of(kit, KEY_2)) == ("K-007", "retired")


def test_what_the_cloud_has_but_has_not_told_yet_still_counts(kit: StationKit) -> None:
    enrol(kit)
    kit.tell(acknowledge=True, more=True)
    kit.restart()
    assert kit.station.is_enrolled(NEW)
    kit.tell(tag_doc(NEW, label="K-3"))
    assert label_of(kit, NEW) == "K-3"


def test_what_the_cloud_refused_never_happened(kit: StationKit) -> None:
    enrol(kit)
    kit.tap(SOFIA)
    lose(kit, KEY_2)
    seqs = [event["seq"] for event in kit.recorded() if event["type"].startswith("tag.")]
    verdicts = [
        {"seq": seq, "id": None, "verdict": verdict, "code": None, "detail": None}
        for seq, verdict in zip(seqs, (REFUSED, ACCEPTED), strict=True)
    ]
    kit.tell(acknowledge=True, more=True, verdicts=verdicts)
    assert not kit.station.is_enrolled(NEW)
    assert status_of(kit, KEY_2) == "lost"
    kit.restart()
    assert not kit.station.is_enrolled(NEW)
    assert status_of(kit, KEY_2) == "lost"


def test_an_answer_about_earlier_events_changes_nothing(kit: StationKit) -> None:
    before = kit.head_seq
    enrol(kit)
    kit.tell(tag_doc(KEY_2, label="K-2"), ack_seq=before)
    assert kit.station.is_enrolled(NEW)


def test_a_badge_enrolled_here_is_its_owners_until_the_cloud_says_otherwise(
    kit: StationKit,
) -> None:
    kit.station.enrolment.begin("badge", person_id="rosa")
    kit.station.focus("enroll")
    kit.tap(NEW)
    kit.station.enrolment.end()
    kit.station.focus("queue")
    kit.restart()
    assert kit.tap(NEW).values["person"] == "Rosa Vega"
    kit.tell(acknowledge=True)
    assert kit.tap(ROSA).values["person"] == "Rosa Vega"


def test_documents_of_an_older_cloud_have_active_tags(kit: StationKit) -> None:
    row = kit.station.tags.row(KEY_1)
    assert (row.status, row.is_secure) == ("active", False)
