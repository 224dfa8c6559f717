"""The driver's page as a pure function of rows and now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas import states
from schemas.catalog import LANGUAGES
from schemas.payment import METHODS
from server import guest_looks, outbox
from server.driver.page import Page
from server.tariff import Tariff, bill
from tests.driver_car import CATALOG, TEN, Car, minutes, plain


def test_a_received_car_can_be_asked_for_at_any_open_booth() -> None:
    page = Car().page()

    assert (page.headline, page.tone) == ("Recibimos su carro", "calm")
    assert page.ask is not None
    assert [(choice.text, choice.is_chosen) for choice in page.ask.booths] == [
        ("Plaza Bolívar", False),
        ("Plaza Herrera", True),
    ]
    assert [(choice.value, choice.is_chosen) for choice in page.ask.times][:3] == [
        ("now", True),
        ("later", False),
        ("22:15", False),
    ]
    assert not page.can_cancel


@pytest.mark.parametrize(
    ("car", "headline"),
    [
        (states.TO_LOT, "Estamos estacionando su carro"),
        (states.REPARKING, "Estamos estacionando su carro"),
        (states.PARKED, "Su carro está estacionado"),
    ],
)
def test_the_headline_says_where_the_car_is(car: str, headline: str) -> None:
    assert Car().at(car).page().headline == headline


def test_an_asked_car_shows_window_line_and_how_long() -> None:
    page = Car().parked().asked().promised().page()

    assert page.headline == "Su carro está pedido"
    assert page.detail == "Se lo llevamos a Plaza Bolívar."
    assert page.arrival is not None
    assert page.arrival.label == "Hora prometida"
    assert plain(page.arrival.window) == "10:08 – 10:14 p. m."
    assert page.arrival.soon == "en unos 8 min"
    assert page.line == "Turno 3 en la fila"
    assert page.can_cancel
    assert page.ask is not None
    assert page.ask.is_change


def test_the_same_in_english() -> None:
    page = Car().parked().asked().promised().page("en")

    assert page.headline == "Your car is requested"
    assert page.arrival is not None
    assert plain(page.arrival.window) == "10:08 – 10:14 pm"
    assert page.line == "Number 3 in line"


@pytest.mark.parametrize(
    ("ahead", "soon"),
    [
        (-1, "ya casi llega"),
        (0, "ya casi llega"),
        (0.2, "en unos 1 min"),
        (10, "en unos 10 min"),
        (10.1, "en unos 15 min"),
        (31, "en unos 35 min"),
        (91, None),
    ],
)
def test_minutes_are_rounded_up_and_never_count_below_one(ahead: float, soon: str | None) -> None:
    page = Car().parked().asked().promised(ahead, 95).page()

    assert page.arrival is not None
    assert page.arrival.soon == soon


def test_a_window_over_noon_names_both_halves_of_the_day() -> None:
    noon = datetime(2026, 11, 21, 16, 55, tzinfo=UTC)
    car = Car().parked().asked().promised()
    assert car.promise is not None
    car.promise.ready_from, car.promise.ready_by = noon, noon + minutes(10)

    page = car.page(now=noon - minutes(5))

    assert page.arrival is not None
    assert plain(page.arrival.window) == "11:55 a. m. – 12:05 p. m."


def test_no_promise_yet_is_said_instead_of_a_time() -> None:
    page = Car().parked().asked().page()

    assert page.arrival is not None
    assert page.arrival.label == "Todavía no tenemos una hora segura. Aparecerá aquí."
    assert page.arrival.window is None


def test_a_time_that_was_asked_for_is_repeated_and_stays_chosen() -> None:
    page = Car().parked().asked(wanted_at=TEN + minutes(127)).page()

    assert plain(page.detail) == "Se lo llevamos a Plaza Bolívar para las 12:07 a. m."
    assert page.ask is not None
    assert [choice.value for choice in page.ask.times if choice.is_chosen] == ["00:07"]
    assert [choice.value for choice in page.ask.booths if choice.is_chosen] == ["bolivar"]


def test_a_moved_promise_is_an_apology_with_the_new_time() -> None:
    page = Car().parked().asked().promised(reason="late").page()

    assert (page.tone, page.headline) == ("late", "Su carro va con retraso")
    assert page.arrival is not None
    assert page.arrival.label == "Nueva hora"


def test_a_promise_that_passed_is_owned_up_to() -> None:
    page = Car().parked().asked().promised(-9, -3).coming().page()

    assert page.tone == "late"
    assert page.arrival is not None
    assert page.arrival.label == "Ya pasó la hora prometida; seguimos con su carro"
    assert page.arrival.soon is None


def test_a_car_on_its_way_can_no_longer_be_changed() -> None:
    page = Car().parked().asked().promised().coming().page()

    assert page.headline == "Su carro viene en camino"
    assert page.detail == "Espérelo en Plaza Bolívar."
    assert page.ask is None
    assert not page.can_cancel


def test_a_ready_car_shows_booth_and_code() -> None:
    page = Car().parked().asked().promised().coming().ready().page()

    assert page.headline == "Su carro está listo en Plaza Bolívar"
    assert page.handover_code == "4821"
    assert page.handover_qr == "CV1:H-0427:4821"
    assert page.card_help is None
    assert page.arrival is None


def test_who_does_not_come_reads_since_when_we_have_been_calling() -> None:
    car = Car().parked().asked().promised().coming().ready()
    car.called_at = TEN - minutes(0.25)
    page = car.page()

    assert page.headline == "Su carro está listo en Plaza Bolívar"
    assert plain(page.detail) == (
        "Le estamos llamando desde las 9:59 p. m. Si nadie llega pronto, el carro vuelve al lote."
    )
    assert "Le llamamos" in [step.text for step in page.steps]
    assert page.handover_code == "4821"


@pytest.mark.parametrize(
    ("car", "headline"),
    [
        (states.REPARKING, "Su carro vuelve al lote"),
        (states.PARKED, "Su carro volvió al lote"),
    ],
)
def test_a_car_that_nobody_came_for_is_told_of_and_can_be_asked_for_again(
    car: str, headline: str
) -> None:
    taken_back = Car(taken_back_at=TEN - minutes(3)).parked().at(car)
    page = taken_back.page()

    assert page.headline == headline
    assert plain(page.detail) == (
        "Lo esperamos en la caseta hasta las 9:57 p. m. Cuando venga, pídalo otra vez aquí."
    )
    assert page.ask is not None
    assert not page.ask.is_change
    assert ("Vuelve al lote", True) in [(step.text, step.is_current) for step in page.steps]


def test_a_ready_car_that_a_card_has_opened_shows_neither_code_nor_qr() -> None:
    page = Car().parked().asked().promised().coming().ready().page(by_tap=True)

    assert (page.handover_code, page.handover_qr) == (None, None)
    assert page.card_help == "Entregue su tarjeta en la caseta para recibir su carro."
    assert Car().parked().page(by_tap=True).card_help is None


def test_a_held_visit_says_that_staff_are_checking_and_shows_no_code() -> None:
    page = Car().parked().asked().promised().coming().ready().held().page()

    assert (page.tone, page.headline) == ("held", "Estamos revisando su boleto")
    assert page.handover_code is None
    assert page.arrival is None
    assert page.ask is None
    assert [step.text for step in page.steps] == ["Recibido en Plaza Herrera"]


def test_a_shared_tag_holds_the_page_too() -> None:
    car = Car().parked().asked().coming().ready()
    car.visit.tag_shared = True

    assert car.page().tone == "held"
    assert car.page().handover_code is None


def test_a_returned_car_thanks_and_stops_asking() -> None:
    page = Car().parked().asked().promised().coming().ready().handed_over().page()

    assert plain(page.headline) == "Entregado 10:00 p. m. ¡Gracias!"
    assert page.handover_code is None
    assert page.ask is None
    assert page.refresh_s == 0
    assert all(step.time is not None for step in page.steps)


def test_the_steps_tell_the_way_with_its_times() -> None:
    page = Car().parked().asked().promised().coming().page()

    assert [(step.text, plain(step.time), step.is_current) for step in page.steps] == [
        ("Recibido en Plaza Herrera", "9:00 p. m.", False),
        ("Estacionado en Lote Norte", "9:10 p. m.", False),
        ("Pedido para Plaza Bolívar", "9:58 p. m.", False),
        ("En camino", "9:59 p. m.", True),
        ("Listo en la caseta", None, False),
        ("Entregado", None, False),
    ]


def test_a_car_that_never_left_the_kerb_has_no_drive_among_its_steps() -> None:
    car = Car().asked("herrera")
    car.visit.ready_at = TEN
    page = car.at(states.READY).page()

    assert [step.text for step in page.steps] == [
        "Recibido en Plaza Herrera",
        "Pedido para Plaza Herrera",
        "Listo en Plaza Herrera",
        "Entregado",
    ]


def test_only_the_end_of_the_plate_is_shown() -> None:
    page = Car().page()

    assert page.plate_tail == "234"
    assert "AB1" not in repr(page)
    assert replace_plate(None).plate_tail is None


def replace_plate(plate: str | None) -> Page:
    car = Car()
    car.plate = plate
    return car.page()


def test_with_every_booth_closed_there_is_nothing_to_choose() -> None:
    car = Car().parked()
    car.open_booths = ()
    page = car.page()

    assert page.ask is not None
    assert page.ask.booths == ()


def test_the_tag_changes_with_what_is_read_and_only_then() -> None:
    car = Car().parked().asked().promised()
    page = car.page(now=TEN + timedelta(seconds=20))

    assert page.tag == car.page(now=TEN + timedelta(seconds=50)).tag
    assert page.tag != car.page(now=TEN + timedelta(seconds=80)).tag
    assert page.tag != car.page("en", now=TEN + timedelta(seconds=20)).tag
    assert page.tag != replace(page, handover_code="1111").tag


def test_a_promise_that_was_moved_says_why() -> None:
    page = Car().asked().promised(reason="staff_rain").page()

    assert page.tone == "late"
    assert page.arrival is not None
    assert page.arrival.why == "La movimos por la lluvia."


@pytest.mark.parametrize(
    ("stay_min", "total", "how"),
    [
        (10, "B/. 0.00", "Los primeros 10 minutos no se cobran."),
        (60, "B/. 2.67", "B/. 1.00 + 50 min × B/. 0.03 + ITBMS 7 % (B/. 0.17)"),
        (
            600,
            "B/. 5.35",
            "B/. 1.00 + 590 min × B/. 0.03, pero no más de B/. 5.00 + ITBMS 7 % (B/. 0.35)",
        ),
    ],
)
def test_a_sum_says_how_it_came_about(stay_min: int, total: str, how: str) -> None:
    prices = Tariff(flat_cents=100, minute_cents=3, free_min=10, most_cents=500, tax_percent=7)
    made = bill(prices, TEN - minutes(stay_min), TEN, is_over=False)
    page = Car(bill=made).page()

    assert page.bill is not None
    assert (page.bill.label, plain(page.bill.total)) == ("Hasta ahora", total)
    assert plain(page.bill.how) == how


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_look_and_every_way_to_pay_has_words(language: str) -> None:
    keys = [f"driver.data.look.{screen}" for screen in guest_looks.SCREENS]
    keys += [f"driver.data.message.{template}" for template in outbox.TEMPLATES]
    keys += [f"driver.paid.{method}" for method in METHODS]

    assert [key for key in keys if CATALOG.text(language, key, time="") == key] == []
