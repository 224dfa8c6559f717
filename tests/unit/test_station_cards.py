"""Cards that prove themselves at a station: made, torn away, refused, and kept for the cloud."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from reader_agent.cloud import TURNED_AWAY, CloudLost
from reader_agent.emulators.tags.ntag424 import Ntag424
from reader_agent.emulators.tags.ntag424_personal import blank_card
from reader_agent.emulators.tags.spec import make_tag
from schemas.sun import read_sun_url, verify_sun
from tests.card_desk import KEYS, CardDesk
from tests.station_kit import (
    ANA,
    CLAIM_1,
    HERRERA,
    KEY_1,
    SOFIA,
    StationKit,
    change,
    ready_car,
    refusal_of,
    visit_change,
)

# One of the few whose maker's signature is public, which the software card then has.
UID = bytes.fromhex("04518DFAA96180")
CARD = f"nfca:{UID.hex().upper()}"


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    kit = StationKit(tmp_path)
    kit.station.uplink.succeeded()
    return kit


@pytest.fixture
def desk(kit: StationKit) -> CardDesk:
    return CardDesk(kit.station, kit.clock)


def enrolling(kit: StationKit, kind: str = "claim") -> None:
    """Sofía waits for tags of this kind."""
    kit.tap(SOFIA)
    kit.station.enrolment.begin(kind)
    kit.station.focus("enroll")


def enrolled(kit: StationKit) -> dict[str, object]:
    """The data of the one enrolment in the journal."""
    (event,) = [event for event in kit.recorded() if event["type"] == "tag.enrolled"]
    data: dict[str, object] = event["data"]
    return data


def secure_claim(kit: StationKit) -> None:
    """The cloud knows the first claim tag as one with keys."""
    doc = {"id": CLAIM_1, "kind": "claim", "label": "C-1", "is_secure": True}
    kit.tell(change("tag", CLAIM_1, doc))


def proves(url: str) -> bool:
    return verify_sun(read_sun_url(url), KEYS.meta, lambda _uid: KEYS.file) is not None


def test_a_blank_card_gets_its_keys_and_proves_itself_from_then_on(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit)
    card = blank_card(UID, None)
    desk.lay(card)
    desk.wait_for("enroll.keep")
    desk.wait_for("enroll.done_secure")
    assert enrolled(kit)["is_secure"] is True
    assert desk.keys.asked == [(CARD, "sofia")]
    assert kit.station.tags.row(CARD).is_secure
    kit.station.enrolment.end()
    kit.station.focus("queue")
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.edit_draft(plate="AB1234", no_phone=True)
    assert desk.lay(card).key == "tap.claim_noted"
    kit.station.receive()
    url = kit.recorded()[-1]["data"]["claim_url"]
    assert proves(url)


def test_nothing_of_a_cards_keys_or_link_is_told_to_a_screen_or_shown_by_a_repr(
    kit: StationKit, desk: CardDesk
) -> None:
    secure_claim(kit)
    kit.tap(ANA)
    kit.tap(KEY_1)
    draft = kit.station.edit_draft(claim_tag=CLAIM_1, claim_url="https://v.example/t?picc_data=1")
    assert draft.claim_url is not None
    assert "picc_data" not in repr(draft)
    assert "A1" * 16 not in repr(desk.keys.card_keys(CARD, "sofia"))


@pytest.mark.parametrize("after", [1, 3, 6, 9, 12])
def test_a_card_that_is_torn_away_is_finished_by_laying_it_down_again(
    kit: StationKit, desk: CardDesk, after: int
) -> None:
    enrolling(kit)
    card = blank_card(UID, None)
    desk.lay(card, tear_after=after)
    desk.wait_for("problem.card_gone")
    view = kit.station.enrolment.view()
    assert view is not None
    assert (view.step, view.why, view.plan.label) == ("torn", "card_gone", "C-3")
    assert "tag.enrolled" not in kit.types()
    desk.lay(card)
    desk.wait_for("enroll.done_secure")
    assert enrolled(kit)["label"] == "C-3"


def test_without_the_cloud_a_card_may_be_enrolled_without_keys(
    kit: StationKit, desk: CardDesk
) -> None:
    desk.keys.go_away()
    enrolling(kit)
    desk.lay(blank_card(UID, None))
    desk.wait_for("problem.cloud_needed")
    view = kit.station.enrolment.view()
    assert view is not None
    assert (view.step, view.why) == ("plain", "cloud_needed")
    assert kit.station.enrolment.without_keys() == "C-3"
    assert (enrolled(kit)["tag"], enrolled(kit)["is_secure"]) == (CARD, False)
    assert refusal_of(kit.station.enrolment.without_keys) == "bad_choice"


def test_a_station_that_knows_it_is_cut_off_does_not_ask(
    tmp_path: Path,
) -> None:
    kit = StationKit(tmp_path)
    desk = CardDesk(kit.station, kit.clock)
    enrolling(kit)
    desk.lay(blank_card(UID, None))
    desk.wait_for("problem.cloud_needed")
    assert desk.keys.asked == []


def test_what_the_cloud_refuses_is_said_in_its_words(kit: StationKit, desk: CardDesk) -> None:
    desk.keys.lost = CloudLost(TURNED_AWAY, problem="not_allowed")
    enrolling(kit)
    desk.lay(blank_card(UID, None))
    desk.wait_for("problem.not_allowed")


def test_without_the_wish_a_card_keeps_the_keys_of_its_factory(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit)
    kit.station.enrolment.set_keys(gives_keys=False)
    desk.lay(blank_card(UID, None))
    desk.wait_for("enroll.done")
    assert desk.keys.asked == []
    assert enrolled(kit)["is_secure"] is False


def test_a_sticker_that_cannot_take_keys_is_enrolled_without(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit)
    desk.lay(make_tag({"model": "ntag215", "uid": "04AB87F2CA1190"}))
    desk.wait_for("enroll.done")
    assert enrolled(kit)["is_secure"] is False


def test_a_card_of_another_kind_that_takes_no_keys_is_named_and_may_go_without(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit)
    desk.lay(make_tag({"model": "desfire", "uid": "04A1B2C3D4E5F6"}))
    desk.wait_for("problem.card_refused")
    kit.station.enrolment.without_keys()
    assert enrolled(kit)["is_secure"] is False


def test_a_chip_with_a_forged_signature_is_refused(kit: StationKit, desk: CardDesk) -> None:
    enrolling(kit, "key")
    forged = make_tag({"model": "ntag213", "uid": "04A1B2C3D4E5F6", "signature": "5A" * 32})
    desk.lay(forged)
    desk.wait_for("problem.tag_not_original")
    assert "tag.enrolled" not in kit.types()


def test_a_chip_with_its_makers_signature_is_noted_as_original(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit, "key")
    desk.lay(make_tag({"model": "ntag213", "uid": "04AB87F2CA1190"}))
    desk.wait_for("enroll.done")
    assert enrolled(kit)["is_original"] is True


def test_a_chip_without_a_signature_is_no_copy_for_that(kit: StationKit, desk: CardDesk) -> None:
    enrolling(kit, "key")
    desk.lay(make_tag({"model": "classic1k", "uid": "04A1B2C3D4E5F6"}))
    desk.wait_for("enroll.done")
    assert enrolled(kit)["is_original"] is None


def test_the_station_serves_cars_while_it_waits_for_a_card(kit: StationKit, desk: CardDesk) -> None:
    enrolling(kit)
    desk.may_talk.clear()
    card: Ntag424 = blank_card(UID, None)
    desk.lay(card)
    served = threading.Thread(target=kit.station.queue)
    served.start()
    served.join(5)
    assert not served.is_alive()
    assert kit.tap("em4100:0E00000001").key == "enroll.wait"
    assert refusal_of(kit.station.enrolment.set_label, "C-9") == "bad_request"
    desk.may_talk.set()
    desk.wait_for("enroll.done_secure")


def test_an_enrolment_that_was_left_is_still_finished_but_opens_no_screen(
    kit: StationKit, desk: CardDesk
) -> None:
    enrolling(kit)
    desk.may_talk.clear()
    desk.lay(blank_card(UID, None))
    kit.station.enrolment.end()
    kit.station.focus("queue")
    desk.may_talk.set()
    message = desk.wait_for("enroll.done_secure")
    assert (message.kind, message.url_screen) == ("say", None)
    assert kit.station.enrolment.view() is None


def test_a_copy_of_a_secure_tag_joins_no_reception(kit: StationKit) -> None:
    secure_claim(kit)
    kit.tap(ANA)
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1).key == "problem.card_unproven"
    assert refusal_of(kit.station.edit_draft, claim_tag=CLAIM_1) == "card_unproven"
    draft = kit.station.draft()
    assert draft is not None
    assert draft.claim_tag is None


@pytest.mark.parametrize("text", [None, "", "C-1", "https://v.example/" + "x" * 500, "http://ñ"])
def test_a_copy_of_a_secure_tag_hands_nothing_over_whatever_else_it_says(
    kit: StationKit, text: str | None
) -> None:
    visit_id = ready_car(kit)
    secure_claim(kit)
    kit.station.focus("hand_over", visit_id)
    kit.tap(KEY_1)
    assert kit.tap(CLAIM_1, text=text).key == "problem.card_unproven"
    assert kit.station.card(visit_id).state == "ready"


def test_what_a_claim_tag_said_goes_to_the_cloud_with_the_hand_over(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    secure_claim(kit)
    kit.station.focus("hand_over", visit_id)
    kit.tap(KEY_1)
    url = "https://v.example/t?picc_data=00&cmac=11"
    assert kit.tap(CLAIM_1, text=url).event_type == "visit.handed_over"
    assert kit.recorded()[-1]["data"]["claim_url"] == url


def test_a_hand_over_by_code_holds_no_link(kit: StationKit) -> None:
    card = kit.receive(claim=CLAIM_1)
    assert "claim_url" not in kit.recorded()[-1]["data"]
    kit.tell(visit_change(card.visit_id), acknowledge=True)
    kit.station.request_car(card.visit_id, HERRERA)
