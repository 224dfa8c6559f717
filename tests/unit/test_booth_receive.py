"""Receiving a car at the touchscreen: nothing typed is lost, nothing wrong is kept."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from booth_ui.screens.receive import STEPS
from tests.booth_client import client_of, submit, text_of
from tests.booth_evening import (
    ANA,
    CLAIMS,
    KEYS,
    Evening,
)


def test_receiving_step_by_step_records_one_visit(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    assert "Acerque la llave" in text_of(screen.get("/receive"))
    evening.tap(KEYS[0])
    assert screen.get("/receive").location == "/receive/plate"
    assert screen.post("/receive/plate", data={"plate": "ab-1234"}).location == "/receive/phone"
    assert screen.post("/receive/phone", data={"phone": "61234567"}).location == "/receive/damage"
    evening.tap(CLAIMS[0])
    assert screen.get("/receive").location == "/receive/damage"
    assert screen.post("/receive/damage", data={"none": "1"}).location == "/receive/details"
    assert screen.post("/receive/details").location == "/receive/check"
    check = text_of(screen.get("/receive/check"))
    assert "AB1234" in check
    assert "termina en 4567" in check
    assert "61234567" not in check

    saved = submit(screen, "/receive/check")

    visit = evening.booth.queue()[0]
    assert saved.location == f"/tickets/{visit.visit_id}"
    assert (visit.plate, visit.claim_label, visit.has_phone) == ("AB1234", "C-01", True)
    assert f"{visit.code} guardado" in text_of(screen.get(saved.location))
    assert "guardado" not in text_of(screen.get(saved.location))


def test_going_back_and_reloading_lose_nothing(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    screen.post("/receive/plate", data={"plate": "AB1234"})
    screen.post("/receive/typing", data={"field": "phone", "text": "6123"})

    again = client_of(evening.booth)
    assert 'value="AB1234"' in again.get("/receive/plate").get_data(as_text=True)
    assert 'value="6123"' in screen.get("/receive/phone").get_data(as_text=True)
    screen.post("/receive/phone", data={"phone": "61234567"})
    assert 'value="61234567"' in screen.get("/receive/phone").get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/receive/plate", {"plate": "!"}, "¿Sin placa?"),
        ("/receive/plate", {"plate": ""}, "¿Sin placa?"),
        ("/receive/phone", {"phone": "2345678"}, "Es un teléfono fijo"),
        ("/receive/phone", {"phone": "12"}, "Revise el número"),
        ("/receive/phone", {"phone": ""}, "Revise el número"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words_and_stays_in_the_field(
    screen: FlaskClient, evening: Evening, path: str, fields: dict[str, str], words: str
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])

    answer = screen.post(path, data=fields)

    assert answer.status_code == 422
    assert words in text_of(answer)
    typed = next(iter(fields.values()))
    assert f'value="{typed}"' in answer.get_data(as_text=True)
    assert "bad_" not in text_of(answer)


def test_without_phone_and_tag_the_driver_gets_the_number_and_a_link_to_scan(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    screen.post("/receive/plate", data={"plate": "AB1234"})
    assert screen.post("/receive/phone", data={"no_phone": "1"}).location == "/receive/damage"
    screen.post("/receive/damage", data={"none": "1"})

    saved = submit(screen, "/receive/check")

    card = evening.booth.queue()[0]
    assert not card.has_phone
    assert saved.location == f"/tickets/{card.visit_id}/number"
    assert "Dele este número H-0001" in text_of(screen.get(saved.location))
    assert "cuando haya red" in text_of(screen.get(saved.location))
    evening.meet()
    evening.cloud.say(card.visit_id, link="abcDEF123")
    evening.meet()
    shown = screen.get(saved.location).get_data(as_text=True)
    assert "<svg" in shown[shown.index('class="qr"') :]
    assert "abcDEF123" not in shown


def test_saving_without_a_phone_or_a_word_about_it_is_refused(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    screen.post("/receive/plate", data={"plate": "AB1234"})
    screen.post("/receive/damage", data={"none": "1"})

    answer = submit(screen, "/receive/check")

    assert answer.status_code == 422
    assert "Falta el teléfono" in text_of(answer)


def test_the_language_of_the_messages_can_be_chosen(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])

    screen.post("/receive/check", data={"driver_language": "en"})

    draft = evening.booth.draft()
    assert draft is not None
    assert draft.language == "en"


def test_the_posted_tariff_can_be_read_in_the_drivers_language(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    assert "/receive/tariff" not in screen.get("/receive/check").text
    assert "la del letrero" in text_of(screen.get("/receive/tariff"))
    evening.cloud.post_tariff(es="B/. 0.03 por minuto", en="B/. 0.03 a minute")
    evening.meet()
    assert "/receive/tariff" in screen.get("/receive/check").text
    assert "B/. 0.03 por minuto" in text_of(screen.get("/receive/tariff"))
    screen.post("/receive/check", data={"driver_language": "en"})
    assert "B/. 0.03 a minute" in text_of(screen.get("/receive/tariff"))


def test_another_claim_tag_can_be_given(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    evening.tap(CLAIMS[0])

    screen.post("/receive/claim")

    draft = evening.booth.draft()
    assert draft is not None
    assert draft.claim_tag is None


def test_a_reception_can_be_thrown_away(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    screen.post("/receive/typing", data={"field": "plate", "text": "AB"})

    screen.post("/receive/discard")

    assert evening.booth.draft() is None
    evening.tap(KEYS[1])
    assert 'value=""' in screen.get("/receive/plate").get_data(as_text=True)


def test_without_a_key_every_step_waits_for_one(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    for step in (*STEPS, "discard"):
        assert screen.get(f"/receive/{step}").location == "/receive"
    assert screen.get("/receive/claim").location == "/receive/check"
    assert screen.post("/receive/plate", data={"plate": "AB1234"}).location == "/receive"
