"""How a car is taken in: damage, details, what is known of it, and what the driver takes along."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient

from reader_agent.known_cars import KnownCar
from schemas import events
from schemas.reception import CONSENT, Damage, Reception, reception_of
from tests.booth_client import submit, text_of
from tests.booth_evening import ANA, BOOTH, CLAIMS, KEYS, Evening


def begin(screen: FlaskClient, evening: Evening, number: int = 1, plate: str = "AB1234") -> None:
    """A reception with plate and phone, at the damage."""
    evening.tap(ANA)
    evening.tap(KEYS[number - 1])
    screen.post("/receive/plate", data={"plate": plate})
    screen.post("/receive/phone", data={"phone": "61234567"})


def received(evening: Evening, visit_id: str) -> Reception:
    """What the event of a reception says of the car."""
    return evening.booth.photos.reception(visit_id)


def pressed(screen: FlaskClient, path: str) -> set[str]:
    """The choices that a screen shows as made."""
    page = screen.get(path).get_data(as_text=True)
    return set(re.findall(r'value="(\w+)" aria-pressed="true"', page))


def test_a_part_that_is_touched_goes_from_scratch_to_dent_to_broken_to_nothing(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    seen = []
    for _ in range(4):
        screen.post("/receive/damage", data={"zone": "front"})
        draft = evening.booth.draft()
        assert draft is not None
        seen.append(draft.damage)

    assert seen[:3] == [(Damage("front", kind),) for kind in ("scratch", "dent", "broken")]
    # Nobody has said that there is none.
    assert seen[3] is None


def test_a_reception_does_not_end_before_somebody_looked_for_damage(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)

    assert "Faltan los daños" in text_of(screen.post("/receive/damage"))
    assert "Faltan los daños" in text_of(submit(screen, "/receive/check"))
    assert evening.booth.queue() == []
    evening.tap(CLAIMS[0])
    assert screen.get("/receive").location == "/receive/damage"


def test_everything_that_was_noted_is_in_the_event_and_on_the_photos_screen(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    screen.post("/receive/damage", data={"zone": "left_front"})
    assert screen.post("/receive/damage").location == "/receive/details"
    for choice in ({"colour": "red"}, {"handling": "electric"}, {"wish": "120"}):
        assert screen.post("/receive/details", data=choice).location == "/receive/details"
    assert pressed(screen, "/receive/details") == {"red", "electric", "120"}
    assert "12:15" in text_of(screen.get("/receive/details"))

    visit_id = submit(screen, "/receive/check").location.removeprefix("/tickets/")

    marks = (Damage("left_front", "scratch"),)
    assert received(evening, visit_id) == Reception("red", marks, ("electric",), 120, CONSENT)
    shown = text_of(screen.get(f"/tickets/{visit_id}/photos"))
    assert "Rojo · Eléctrico · Puerta del. izq.: Rayón" in shown


def test_a_choice_that_is_touched_again_is_taken_back(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    for _ in range(2):
        for choice in ({"colour": "red"}, {"handling": "electric"}, {"wish": "120"}):
            screen.post("/receive/details", data=choice)

    assert pressed(screen, "/receive/details") == set()


def test_what_no_button_says_is_refused(screen: FlaskClient, evening: Evening) -> None:
    begin(screen, evening)

    for path, fields in (
        ("damage", {"zone": "engine"}),
        ("details", {"colour": "plaid"}),
        ("details", {"wish": "7"}),
    ):
        assert screen.post(f"/receive/{path}", data=fields).status_code == 422


def test_the_tap_of_the_claim_tag_at_the_last_step_saves(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    screen.post("/receive/damage", data={"none": "1"})
    check = text_of(screen.get("/receive/check"))
    assert "la del letrero" in check
    assert "placa y celular se usan solo" in check

    outcome = evening.tap(CLAIMS[0])

    assert (outcome.key, outcome.screen) == ("tap.received", "ticket")
    assert outcome.event_type == events.VISIT_RECEIVED
    card = evening.booth.card(str(outcome.visit_id))
    assert (card.plate, card.claim_label) == ("AB1234", "C-01")
    assert received(evening, card.visit_id) == Reception(damage=(), consent=CONSENT)
    assert evening.booth.draft() is None


def test_a_claim_tag_before_the_last_step_is_only_kept(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    screen.post("/receive/damage", data={"none": "1"})
    screen.get("/receive/details")

    assert evening.tap(CLAIMS[0]).key == "tap.claim_noted"
    assert "C-01" in text_of(screen.get("/receive/details"))
    # With a tag given, a second one is an exchange and no signature.
    screen.get("/receive/check")
    assert evening.tap(CLAIMS[1]).key == "tap.claim_noted"


def test_a_car_that_comes_back_is_known_by_its_plate_without_a_network(
    screen: FlaskClient, evening: Evening
) -> None:
    begin(screen, evening)
    screen.post("/receive/damage", data={"none": "1"})
    screen.post("/receive/details", data={"colour": "blue"})
    screen.post("/receive/details", data={"handling": "manual"})
    submit(screen, "/receive/check")

    evening.tap(KEYS[1])
    screen.post("/receive/plate", data={"plate": "ab 1234"})

    shown = text_of(screen.get("/receive/phone"))
    assert "Usar el mismo número: •••• 4567" in shown
    assert "ya está adentro con el boleto H-0001" in shown
    assert "61234567" not in shown
    assert pressed(screen, "/receive/details") == {"blue", "manual"}
    # One tap, and the record refers to the number that only the cloud has.
    assert screen.post("/receive/phone", data={"same_phone": "1"}).location == "/receive/damage"
    assert "termina en 4567" in text_of(screen.get("/receive/check"))
    draft = evening.booth.draft()
    assert draft is not None
    assert (draft.phone, draft.no_phone, draft.is_whole) == (None, False, False)
    screen.post("/receive/damage", data={"none": "1"})
    submit(screen, "/receive/check")
    before, again = evening.booth._journal.guests.between(1, 99)
    assert again["phone"] is None
    assert again["phone_ref"] == before["ref"]
    assert evening.booth.search("H-0002")[0].has_phone

    evening.tap(KEYS[2])
    screen.post("/receive/plate", data={"plate": "CD5678"})
    assert "mismo número" not in text_of(screen.get("/receive/phone"))
    assert screen.post("/receive/phone", data={"same_phone": "1"}).status_code == 422


def test_who_agreed_to_nothing_is_asked_for_the_number_anew(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.received(plate="AB1234")
    evening.tap(KEYS[1])
    screen.post("/receive/plate", data={"plate": "AB1234"})
    shown = text_of(screen.get("/receive/phone"))
    assert "La última vez terminaba en 4567" in shown
    assert "mismo número" not in shown


def test_another_station_knows_the_car_once_it_has_left_but_no_digit_of_the_phone(
    evening: Evening,
) -> None:
    visit_id = evening.ready(plate="AB1234")
    evening.tap(ANA)
    evening.tap(KEYS[0])
    evening.booth.hand_over(visit_id, "claim_tag", claim_tag=CLAIMS[0])
    evening.meet()

    lot = evening.lot._intake._known
    assert lot.find("AB1234", evening.lot.now()) == KnownCar(None, (), "es", None)
    booth = evening.booth._intake._known
    assert booth.find("AB1234", evening.booth.now()) == KnownCar(None, (), "es", "4567")
    later = evening.booth.now() + timedelta(days=91)
    assert booth.find("AB1234", later) is None
    for station in (evening.booth, evening.lot):
        assert "AB1234" not in str(
            [tuple(row) for row in station._db.rows("SELECT * FROM known_car")]
        )


def test_cars_that_are_noted_together_are_all_known_again(evening: Evening) -> None:
    known, now = evening.booth._intake._known, evening.booth.now()
    with evening.booth._db.transaction() as work:
        for plate in ("AA1111", "BB2222"):
            known.remember(work, plate, Reception("red"), "en", None, now)

    assert [known.find(plate, now) for plate in ("AA1111", "BB2222")] == [
        KnownCar("red", (), "en", None)
    ] * 2


def test_an_event_without_these_words_says_that_nobody_looked() -> None:
    assert reception_of({}) == Reception()
    assert Reception().to_data() == {}
    whole = Reception("red", (Damage("roof", "dent"),), ("large",), 60, "2026-11")
    assert reception_of(whole.to_data()) == whole


def test_a_discarded_reception_can_be_taken_up_again(screen: FlaskClient, evening: Evening) -> None:
    begin(screen, evening)
    before = evening.booth.draft()
    screen.post("/receive/discard")
    page = screen.get("/queue").get_data(as_text=True)
    found = re.search(r'name="undo" value="([^"]+)"', page)
    assert found is not None

    assert screen.post("/undo", data={"undo": found[1]}).location == "/queue"

    assert evening.booth.draft() == before
    assert "Ya no se puede deshacer" in text_of(screen.post("/undo", data={"undo": found[1]}))


def test_an_undo_ends_with_its_time(screen: FlaskClient, evening: Evening) -> None:
    begin(screen, evening)
    screen.post("/receive/discard")
    page = screen.get("/queue").get_data(as_text=True)
    found = re.search(r'name="undo" value="([^"]+)"', page)
    assert found is not None
    evening.clock.advance(13)

    assert "Ya no se puede deshacer" in text_of(screen.post("/undo", data={"undo": found[1]}))
    assert evening.booth.draft() is None


def test_a_request_and_its_cancelling_can_be_taken_back(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.parked()
    evening.tap(ANA)

    def undone() -> str | None:
        page = screen.get(f"/tickets/{visit_id}").get_data(as_text=True)
        found = re.search(r'name="undo" value="([^"]+)"', page)
        assert found is not None
        assert screen.post("/undo", data={"undo": found[1]}).status_code == 303
        return evening.booth.card(visit_id).request_booth_id

    submit(screen, f"/tickets/{visit_id}/request", booth=BOOTH, wait="0")
    assert undone() is None
    evening.booth.request_car(visit_id, BOOTH)
    submit(screen, f"/tickets/{visit_id}", do="cancel_request")
    assert undone() == BOOTH
