"""Enrolling tags at a station: tap after tap, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_agent.enrol_plan import EnrolView
from reader_agent.presence import Departure
from schemas.problems import Refusal
from tests.station_kit import (
    ANA,
    CLAIM_1,
    HERRERA,
    KEY_1,
    KEY_2,
    ROSA,
    SOFIA,
    StationKit,
    change,
    refusal_of,
)

NEW = tuple(f"em4100:0E0000000{number}" for number in range(10))
RADIO_1, RADIO_2 = "epc:E280689000000001", "epc:E280689000000002"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    kit = StationKit(tmp_path)
    kit.tap(SOFIA)
    return kit


def begin(kit: StationKit, kind: str = "key", **choice: object) -> None:
    """Wait for tags of this kind."""
    kit.station.enrolment.begin(kind, **choice)  # type: ignore[arg-type]
    kit.station.focus("enroll")


def view(kit: StationKit) -> EnrolView:
    found = kit.station.enrolment.view()
    assert found is not None
    return found


def test_a_box_of_tags_is_enrolled_tap_after_tap(kit: StationKit) -> None:
    begin(kit)
    outcomes = [kit.tap(tag) for tag in NEW[:3]]
    assert [(outcome.key, outcome.values["label"]) for outcome in outcomes] == [
        ("enroll.done", "K-3"),
        ("enroll.done", "K-4"),
        ("enroll.done", "K-5"),
    ]
    assert (view(kit).plan.label, view(kit).last) == ("K-6", ("K-5", "K-4", "K-3"))
    assert kit.recorded()[-1]["data"] == {
        "tag": NEW[2],
        "kind": "key",
        "label": "K-5",
        "person_id": None,
        "is_original": None,
        "is_secure": False,
    }
    assert kit.recorded()[-1]["actor"] == "sofia"


def test_the_actor_of_a_long_box_is_not_forgotten(kit: StationKit) -> None:
    begin(kit)
    for tag in NEW[:4]:
        assert kit.tap(tag, pause_s=60).key == "enroll.done"


def test_an_enrolled_tag_works_here_at_once_without_the_cloud(kit: StationKit) -> None:
    begin(kit)
    kit.tap(NEW[0])
    assert kit.station.is_enrolled(NEW[0])
    kit.station.enrolment.end()
    kit.station.focus("queue")
    kit.tap(ANA)
    assert kit.tap(NEW[0]).key == "tap.new_visit"


def test_a_typed_number_is_the_start_of_the_next_row(kit: StationKit) -> None:
    begin(kit, "claim")
    kit.station.enrolment.set_label(" c-099 ")
    assert kit.tap(NEW[0]).values["label"] == "C-099"
    assert view(kit).plan.label == "C-100"


@pytest.mark.parametrize(
    ("label", "code"),
    [("K-1", "label_in_use"), ("C-2", "label_in_use"), ("", "bad_label"), ("K/1", "bad_label")],
)
def test_a_number_that_cannot_be_is_refused(kit: StationKit, label: str, code: str) -> None:
    begin(kit)
    assert refusal_of(kit.station.enrolment.set_label, label) == code
    assert view(kit).plan.label == "K-3"


def test_the_number_of_a_retired_tag_may_be_typed_but_is_not_proposed(kit: StationKit) -> None:
    kit.tell(
        change("tag", KEY_2, {"id": KEY_2, "kind": "key", "label": "K-9", "status": "retired"})
    )
    begin(kit)
    assert view(kit).plan.label == "K-10"
    kit.station.enrolment.set_label("K-9")
    assert kit.tap(NEW[0]).key == "enroll.done"


def test_a_number_that_was_given_away_meanwhile_is_refused_at_the_tap(kit: StationKit) -> None:
    begin(kit)
    kit.tell(change("tag", NEW[9], {"id": NEW[9], "kind": "key", "label": "K-3"}))
    assert kit.tap(NEW[0]).key == "problem.label_in_use"


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        ("nfca:08A1B2C3", "problem.tag_random"),
        ("nfca:88A1B2C3", "problem.tag_cut"),
        ("em4100:0000000000", "problem.tag_blank"),
        (KEY_1, "enroll.known_key"),
        (CLAIM_1, "enroll.known_claim"),
        (ANA, "enroll.known_badge"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_with_the_reason(
    kit: StationKit, tag: str, key: str
) -> None:
    begin(kit)
    before = kit.types()
    assert kit.tap(tag).key == key
    assert kit.types() == before


def test_a_drivers_code_is_not_made_into_a_tag(kit: StationKit) -> None:
    begin(kit, "claim")
    outcome = kit.tap("code:" + "ab" * 16, text="CV1:H-0001:1234")
    assert outcome.key == "problem.wrong_tag_kind"


def test_a_lost_tag_is_not_enrolled_again_but_said_to_be_lost(kit: StationKit) -> None:
    kit.station.tags.mark(KEY_2, "lost", "kept by the driver")
    begin(kit)
    assert kit.tap(KEY_2).key == "tap.lost"


def test_an_unconfirmed_read_is_believed_at_the_second_presentation(kit: StationKit) -> None:
    begin(kit)
    assert kit.tap(NEW[0], confirmed=False).key is None
    assert kit.tap(NEW[1], confirmed=False, pause_s=2).key is None
    assert kit.tap(NEW[0], confirmed=False, pause_s=2).key is None, "another one came between"
    assert kit.tap(NEW[0], confirmed=False, pause_s=9).key == "enroll.done"


def test_two_presentations_far_apart_are_two_first_ones(kit: StationKit) -> None:
    begin(kit)
    kit.tap(NEW[0], confirmed=False)
    assert kit.tap(NEW[0], confirmed=False, pause_s=11).key is None
    assert "tag.enrolled" not in kit.types()


def test_a_tag_that_was_just_enrolled_is_neither_named_again_nor_asked_for_again(
    kit: StationKit,
) -> None:
    begin(kit)
    screen = kit.station.feed.subscribe()
    kit.tap(NEW[0], confirmed=False)
    kit.tap(NEW[0], confirmed=False, pause_s=3)
    assert kit.tap(NEW[0], pause_s=0.1).key is None
    kit.station.on_departure(Departure(NEW[0], "em125", kit.clock.mono_ns(), confirmed=False))
    said = []
    while (message := screen.next(0)) is not None:
        said.append(message.key)
    assert [key for key in said if key] == ["enroll.done"]


def test_a_badge_is_enrolled_for_a_person_and_replaces_the_old_one(kit: StationKit) -> None:
    begin(kit, "badge", person_id="rosa")
    assert kit.tap(NEW[0]).key == "enroll.done"
    assert kit.recorded()[-1]["data"]["person_id"] == "rosa"
    assert view(kit).step == "done"
    assert kit.tap(NEW[1]).key == "enroll.choose"
    kit.station.enrolment.end()
    kit.station.focus("queue")
    assert kit.tap(NEW[0]).values["person"] == "Rosa Vega"
    assert kit.tap(ROSA).key == "tap.badge_unknown"


def test_a_radio_tag_shares_the_number_of_its_key_and_one_is_taken_at_a_time(
    kit: StationKit,
) -> None:
    begin(kit, "key", is_radio=True)
    assert view(kit).plan.label == "K-1"
    assert kit.tap(RADIO_1, confirmed=False).key is None
    assert kit.tap(KEY_1).key == "enroll.known_key"
    assert kit.tap(NEW[0]).key == "problem.wrong_tag_kind"
    assert kit.tap(RADIO_1).values == {"label": "K-1"}
    assert kit.tap(RADIO_2).key is None
    kit.station.enrolment.go_on()
    assert view(kit).plan.label == "K-2"


def test_two_radio_tags_do_not_share_a_number(kit: StationKit) -> None:
    begin(kit, "key", is_radio=True)
    kit.tap(RADIO_1)
    kit.station.enrolment.go_on()
    assert refusal_of(kit.station.enrolment.set_label, "K-1") == "label_in_use"


def test_a_radio_tag_that_passes_by_is_not_enrolled_as_a_key(kit: StationKit) -> None:
    begin(kit)
    assert kit.tap(RADIO_1).key is None
    assert "tag.enrolled" not in kit.types()


@pytest.mark.parametrize("badge", [ANA, ROSA])
def test_only_a_supervisor_or_manager_enrols(kit: StationKit, badge: str) -> None:
    kit.tap(badge)
    assert refusal_of(kit.station.enrolment.begin, "key") == "not_allowed"


def test_a_manager_enrols(kit: StationKit) -> None:
    doc = {"id": "ana", "name": "Ana Ríos", "roles": ["manager"], "badge_tag": ANA}
    kit.tell(change("person", "ana", doc))
    kit.tap(ANA)
    begin(kit)
    assert kit.tap(NEW[0]).key == "enroll.done"


def test_whoever_takes_over_the_screen_enrols_nothing(kit: StationKit) -> None:
    begin(kit)
    kit.clock.advance(91)
    assert kit.tap(NEW[0]).key == "tap.unknown"
    assert kit.tap(ANA).key == "tap.signed_on"
    kit.station.focus("enroll")
    assert kit.tap(NEW[0]).key == "tap.unknown"


@pytest.mark.parametrize(
    ("kind", "choice", "code"),
    [
        ("charm", {}, "bad_choice"),
        ("badge", {}, "bad_choice"),
        ("key", {"person_id": "ana"}, "bad_choice"),
        ("badge", {"person_id": "nobody"}, "unknown_person"),
    ],
)
def test_a_choice_that_is_none_is_refused(
    kit: StationKit, kind: str, choice: dict[str, str], code: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        kit.station.enrolment.begin(kind, **choice)  # type: ignore[arg-type]
    assert refusal.value.code == code


def test_elsewhere_on_the_screens_of_tags_a_tag_is_only_named(kit: StationKit) -> None:
    kit.station.focus("tags")
    assert kit.tap(KEY_1).key == "enroll.known_key"
    assert kit.tap(NEW[0]).key == "tap.unknown"
    assert kit.station.draft() is None
    assert kit.tap(ANA).key == "tap.signed_on"


def test_a_full_disk_enrols_nothing_and_says_so(
    kit: StationKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(kit)

    def refuse(*_: object, **__: object) -> None:
        raise Refusal("storage_full")

    monkeypatch.setattr(kit.station._recorder, "record", refuse)
    assert kit.tap(NEW[0]).key == "problem.storage_full"
    assert not kit.station.is_enrolled(NEW[0])


def test_the_tag_of_a_car_whose_document_never_came_is_not_enrolled_as_another(
    kit: StationKit,
) -> None:
    kit.receive()
    del kit.station._mirror.roster.tags[KEY_1]
    kit.tap(SOFIA)
    begin(kit)
    assert kit.tap(KEY_1).key == "problem.tag_in_use"
    assert kit.station.place_id == HERRERA
