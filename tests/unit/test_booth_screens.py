"""The touchscreen's frame, lock, queue, search, status and settings, over a real station."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from booth_ui.badge import badge_of
from reader_agent.drivers.port_watch import PortHealth
from tests.booth_client import text_of, token_of
from tests.booth_evening import (
    ANA,
    BOOTH,
    KEYS,
    ROSA,
    Evening,
    good_reader,
)


def test_nobody_signed_in_means_counts_and_no_plates(screen: FlaskClient, evening: Evening) -> None:
    evening.ready(plate="AB1234")
    evening.clock.advance(91)

    shown = text_of(screen.get("/queue"))

    assert "Acerque su credencial" in shown
    assert "Listos 1" in shown
    assert "AB1234" not in shown


def test_a_badge_opens_the_same_screen_that_was_locked(
    screen: FlaskClient, evening: Evening
) -> None:
    assert "Acerque su credencial" in text_of(screen.get("/status"))

    evening.tap(ANA)

    assert "Ana Ríos" in text_of(screen.get("/status"))


def test_a_page_that_draws_itself_anew_keeps_nobody_signed_in(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    screen.get("/queue")
    evening.clock.advance(60)
    screen.get("/queue", headers={"Booth-Redraw": "1"})
    screen.get("/queue?redraw=1")
    evening.clock.advance(60)

    assert evening.booth.actor() is None


def test_a_form_that_comes_after_the_lock_does_nothing(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    token = token_of(screen.get(f"/tickets/{visit_id}"))
    evening.clock.advance(91)

    answer = screen.post(f"/tickets/{visit_id}", data={"token": token, "do": "take"})

    assert answer.status_code == 303
    assert evening.booth.card(visit_id).state == "at_booth"
    assert "Primero acerque su credencial" in text_of(screen.get(f"/tickets/{visit_id}"))


def test_signing_off_locks(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    assert screen.post("/lock").status_code == 303
    assert evening.booth.actor() is None
    assert screen.post("/lock").status_code == 303


def test_the_head_says_place_person_time_and_connection(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    evening.meet()

    shown = text_of(screen.get("/queue"))

    assert "Plaza Herrera Ana Ríos 10:15 p. m. En línea" in shown


@pytest.mark.parametrize(
    ("changes", "level", "key"),
    [
        ({}, "good", "badge.online"),
        ({"unsent": 2}, "good", "badge.sending"),
        ({"online": False}, "warn", "badge.offline"),
        ({"online": False, "unsent": 7}, "warn", "badge.offline_unsent"),
        ({"online": False, "unsent": 7, "oldest_unsent_age_s": 720}, "warn", "badge.offline_since"),
        ({"unsent": 2, "oldest_unsent_age_s": 59}, "good", "badge.sending"),
        ({"unsent": 2, "oldest_unsent_age_s": 60}, "warn", "badge.sending_since"),
        ({"clock_synced": False}, "bad", "badge.clock"),
        ({"is_disk_low": True}, "bad", "badge.disk_low"),
        ({"storage": "full", "online": False}, "bad", "badge.storage_full"),
        ({"station_problem": "revoked"}, "bad", "badge.station_problem"),
        ({"station_problem": "cloned"}, "bad", "badge.cloned"),
    ],
)
def test_the_badge_says_the_most_urgent_thing(
    evening: Evening, changes: dict[str, object], level: str, key: str
) -> None:
    good = replace(evening.booth.status(), unsent=0, is_disk_low=False)

    badge = badge_of(replace(good, **changes))  # type: ignore[arg-type]

    assert (badge.level, badge.key) == (level, key)


def test_the_head_tells_how_much_waits_for_how_long_and_what_is_broken_beside_it(
    screen: FlaskClient, evening: Evening
) -> None:
    lost = replace(good_reader(), port=PortHealth("lost"))
    evening.booth.attach_readers(lambda: [lost])
    evening.tap(ANA)
    for _ in range(2):
        evening.booth.uplink.failed("no_network")
    evening.clock.advance(80)

    shown = text_of(screen.get("/queue"))

    assert "Lector sin conexión" in shown
    assert "Sin red · 1 por enviar · 80 s" in shown


def test_a_reader_whose_port_is_gone_turns_the_badge_red(evening: Evening) -> None:
    lost = replace(good_reader(), port=PortHealth("lost"))
    evening.booth.attach_readers(lambda: [good_reader(), lost])

    assert badge_of(evening.booth.status()).key == "badge.reader"


def test_the_queue_is_sorted_by_promised_time_and_names_what_is_late(
    screen: FlaskClient, evening: Evening
) -> None:
    later, late = evening.parked(1, plate="AA1111"), evening.parked(2, plate="BB2222")
    evening.received(3, plate="CC3333")
    for visit_id in (later, late):
        evening.tap(ANA)
        evening.booth.request_car(visit_id, BOOTH)
    evening.meet()
    evening.promise(later, 9)
    evening.promise(late, -2)

    shown = text_of(screen.get("/queue"))

    assert shown.index("BB2222") < shown.index("AA1111") < shown.index("CC3333")
    assert "TARDE" in shown[shown.index("BB2222") : shown.index("AA1111")]
    assert "TARDE" not in shown[shown.index("AA1111") :]
    assert "En la acera 1" in shown


def test_an_empty_queue_says_what_to_do(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    shown = text_of(screen.get("/queue"))

    assert "No hay carros pedidos" in shown
    assert "Acerque una llave" in shown


def test_a_lot_shows_what_comes_in_and_what_goes_out(
    lot_screen: FlaskClient, evening: Evening
) -> None:
    asked = evening.parked(1, plate="AA1111")
    evening.received(2, plate="BB2222")
    evening.tap(KEYS[1])
    evening.tap(ANA)
    evening.booth.request_car(asked, BOOTH)
    evening.meet()
    evening.tap(ROSA, evening.lot)

    shown = text_of(lot_screen.get("/queue"))

    assert "Por sacar 1" in shown
    assert "Por llegar 1" in shown
    assert shown.index("AA1111") < shown.index("BB2222")
    assert "Recibir carro" not in shown


@pytest.mark.parametrize("query", ["AB12", "h-0001", "0001"])
def test_a_car_is_found_by_plate_or_ticket(
    screen: FlaskClient, evening: Evening, query: str
) -> None:
    evening.received(plate="AB1234")

    answer = screen.post("/search", data={"query": query})

    assert "H-0001" in text_of(answer)
    assert answer.headers["HX-Push-Url"] == "false"


def test_nothing_found_says_what_to_check(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    assert "Sin resultados" in text_of(screen.post("/search", data={"query": "ZZ"}))
    assert "Placa o boleto" in text_of(screen.post("/search", data={"query": " "}))


def test_the_status_screen_says_each_part_in_words(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    shown = text_of(screen.get("/status"))

    for words in ("Red", "Por enviar", "Lector em125 Puerto abierto", "Hora", "Disco"):
        assert words in shown


@pytest.mark.parametrize(("language", "words"), [("es", "Recibir carro"), ("en", "Receive car")])
def test_the_language_stays_chosen(
    screen: FlaskClient, evening: Evening, language: str, words: str
) -> None:
    evening.tap(ANA)

    answer = screen.post("/settings", data={"language": language, "back": "/queue"})

    assert answer.location == "/queue"
    assert words in text_of(screen.get("/queue"))


def test_the_light_follows_the_hour_until_somebody_chooses(
    screen: FlaskClient, evening: Evening
) -> None:
    assert 'data-theme="night"' in screen.get("/queue").get_data(as_text=True)
    screen.post("/settings", data={"theme": "day", "back": "/queue"})
    assert 'data-theme="day"' in screen.get("/queue").get_data(as_text=True)
    screen.post("/settings", data={"theme": "auto", "back": "/queue"})
    assert 'data-theme="night"' in screen.get("/queue").get_data(as_text=True)
    evening.clock.advance(12 * 3600)
    assert 'data-theme="day"' in screen.get("/queue").get_data(as_text=True)


def test_the_buttons_stand_where_the_thumb_is(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    assert 'data-hand="right"' in screen.get("/settings").get_data(as_text=True)

    screen.post("/settings", data={"hand": "left", "back": "/settings"})

    page = screen.get("/settings").get_data(as_text=True)
    assert 'data-hand="left"' in page
    assert 'name="hand" value="left" aria-pressed="true"' in page


@pytest.mark.parametrize("back", ["//evil.example/", "/\\evil.example", "https://evil.example", ""])
def test_settings_never_send_anybody_off_the_station(screen: FlaskClient, back: str) -> None:
    answer = screen.post("/settings", data={"theme": "day", "back": back})

    assert answer.location == "/queue"
