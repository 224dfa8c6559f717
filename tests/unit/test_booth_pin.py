"""Six digits instead of a badge: chosen with it, five tries, then a minute of rest."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from schemas.problems import Refusal
from tests.booth_client import text_of
from tests.booth_evening import ANA, EVA, Evening

PIN = "402913"


def chosen(evening: Evening) -> None:
    """Ana has a PIN, and nobody is signed in any more."""
    evening.tap(ANA)
    evening.booth.pins.choose(PIN)
    evening.clock.advance(91)
    assert evening.booth.actor() is None


def test_a_pin_opens_the_lock_in_its_owners_name_and_brings_back_the_screen(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    assert screen.post("/settings/pin", data={"pin": PIN}).location == "/settings"
    evening.clock.advance(91)
    assert "Ana Ríos" in text_of(screen.get("/unlock?back=/status"))

    opened = screen.post("/unlock/ana?back=/status", data={"pin": PIN})

    assert opened.location == "/status"
    actor = evening.booth.actor()
    assert actor is not None
    assert actor.id == "ana"


def test_after_five_wrong_ones_none_is_taken_for_a_minute(
    screen: FlaskClient, evening: Evening
) -> None:
    chosen(evening)
    said = [
        text_of(screen.post("/unlock/ana", data={"pin": wrong}))
        for wrong in ("000000", "111", "", "402914", "402912")
    ]

    assert ["Quedan" in words for words in said] == [True, True, True, True, False]
    assert "Espere un minuto" in said[-1]
    assert "Espere un minuto" in text_of(screen.post("/unlock/ana", data={"pin": PIN}))
    assert evening.booth.actor() is None
    evening.clock.advance(61)
    screen.post("/unlock/ana", data={"pin": PIN})
    assert evening.booth.actor() is not None


def test_a_pin_that_anybody_would_guess_is_refused(evening: Evening) -> None:
    evening.tap(ANA)

    for pin in ("", "12345", "1234567", "111111", "123456", "654321", "40291a"):
        with pytest.raises(Refusal, match="bad_pin"):
            evening.booth.pins.choose(pin)


def test_only_who_chose_one_and_works_here_is_offered(
    screen: FlaskClient, evening: Evening
) -> None:
    assert "Nadie tiene PIN" in text_of(screen.get("/unlock"))
    chosen(evening)

    assert [person.id for person in evening.booth.pins.people()] == ["ana"]
    assert screen.get("/unlock/eva").location == "/unlock"
    with pytest.raises(Refusal, match="unknown_person"):
        evening.booth.pins.open("eva", PIN)


def test_no_pin_is_chosen_in_nobodys_name(screen: FlaskClient, evening: Evening) -> None:
    with pytest.raises(Refusal, match="not_signed_in"):
        evening.booth.pins.choose(PIN)
    assert screen.post("/settings/pin", data={"pin": PIN}).status_code == 303
    assert evening.booth.pins.people() == []


def test_a_pin_leaves_no_trace_in_the_journal_and_lies_nowhere_as_it_is(evening: Evening) -> None:
    evening.tap(EVA)
    before = evening.booth.status().unsent
    evening.booth.pins.choose(PIN)

    assert evening.booth.status().unsent == before
    assert PIN not in str([tuple(row) for row in evening.booth._db.rows("SELECT * FROM pin")])


def test_a_locked_screen_sends_nobody_off_the_station(
    screen: FlaskClient, evening: Evening
) -> None:
    chosen(evening)

    opened = screen.post("/unlock/ana?back=//evil.example/", data={"pin": PIN})

    assert opened.location == "/queue"
