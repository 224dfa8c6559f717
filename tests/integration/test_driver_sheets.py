"""The pages behind the ticket: custody with its evidence, the receipt, each booth's window."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schemas.chain import seal
from server.app import create_app
from server.models import EventRow
from server.sessions import open_session
from tests.driver_phone import ask, link
from tests.visit_story import MANAGER, VALET, Story

pytest_plugins = ("tests.driver_stage",)


def text_of(driver: FlaskClient, path: str) -> str:
    """What a page says, without its marks and with plain spaces."""
    html = driver.get(path).text.split("<main", 1)[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " "))


def test_the_chain_names_places_times_and_badges(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    ask(driver, visit, "bolivar")
    page = text_of(driver, link(visit, "/custody"))

    for line in (
        "La cadena está completa: 4 registros",
        "Recibido en Plaza Herrera credencial 0001",
        "Sale de Plaza Herrera hacia Lote Norte credencial 0002",
        "Estacionado en Lote Norte credencial 0002",
        "Pedido para Plaza Bolívar por usted",
        "0 de 4 ya están bajo el sello",
    ):
        assert line in page, line
    assert "Ana" not in page


def test_a_line_that_was_changed_or_is_missing_breaks_the_chain_on_the_page(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()

    def spoil(session: Session) -> None:
        row = session.scalars(select(EventRow).where(EventRow.type == "car.taken")).one()
        session.execute(
            update(EventRow)
            .where(EventRow.event_id == row.event_id)
            .values(line=row.line.replace(b"lote-norte", b"lote-surxx"))
        )

    story.database.write(spoil)

    assert "no está completa" in text_of(driver, link(visit, "/custody"))


def test_the_record_of_the_page_holds_for_the_program_of_the_page(
    story: Story, driver: FlaskClient, tmp_path: Path
) -> None:
    visit = story.receive("herrera")
    assert "/record.json" not in driver.get(link(visit, "/custody")).text
    visit.request("herrera").ready().hand_over()
    driver.post(link(visit, "/rating"), data={"stars": "5"})
    page = driver.get(link(visit, "/custody")).text
    hrefs = re.findall(r'href="([^"]+)" download', page)
    assert [href.rpartition("/")[2] for href in hrefs] == ["record.json", "verify_record.py"]
    for href in hrefs:
        (tmp_path / href.rpartition("/")[2]).write_bytes(driver.get(href).data)

    checked = subprocess.run(
        [sys.executable, "verify_record.py", "record.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "So far the chain is whole" in checked.stdout
    assert "WRONG" not in checked.stdout


@pytest.fixture
def paid(story: Story, app: Flask) -> FlaskClient:
    """The browser of a phone where the stay costs something."""
    config = replace(story.config, tariff_flat_cents=100, tariff_minute_cents=3, tariff_free_min=10)
    priced = create_app(config)
    priced.extensions["valet"].database.close()
    priced.extensions["valet"] = replace(
        priced.extensions["valet"], database=app.extensions["valet"].database
    )
    return priced.test_client()


def test_the_sum_runs_until_the_car_is_asked_for_and_the_receipt_repeats_it(
    story: Story, paid: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    assert "Hasta ahora B/. 0.00 Los primeros 10 minutos" in text_of(paid, link(visit))
    story.wait(minutes=60)
    assert "Hasta ahora B/. 2.67 B/. 1.00 + 50 min × B/. 0.03" in text_of(paid, link(visit))
    ask(paid, visit, "bolivar")
    story.wait(minutes=40)
    assert "Total B/. 2.67" in text_of(paid, link(visit))
    assert paid.get(link(visit, "/receipt")).status_code == 409
    visit.take("bolivar").ready().hand_over()
    receipt = text_of(paid, link(visit, "/receipt"))
    for line in ("Minutos completos 60", "50 min × B/. 0.03 B/. 1.50", "ITBMS 7 % B/. 0.17"):
        assert line in receipt
    assert "Total B/. 2.67" in receipt


def test_a_receipt_has_its_day_and_no_sum_in_it_that_was_not_charged(
    story: Story, paid: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    ask(paid, visit, "bolivar")
    visit.take("bolivar").ready().hand_over()
    receipt = text_of(paid, link(visit, "/receipt"))
    assert "Fecha 20 nov. 2026" in receipt
    assert "Tarifa fija" not in receipt
    assert "Total B/. 0.00" in receipt
    story.wait(minutes=23 * 60)
    assert "Date 20 Nov 2026" in text_of(paid, link(visit, "/receipt?lang=en"))


def test_what_we_waited_for_nobody_is_not_charged_and_time_runs_again_after(
    story: Story, paid: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    story.wait(minutes=60)
    ask(paid, visit, "francia")
    ask(paid, visit, "bolivar")
    visit.step += 2
    visit.take("bolivar")
    story.wait(minutes=10)
    visit.ready()
    story.wait(minutes=20)
    assert "Total B/. 2.67" in text_of(paid, link(visit))
    visit.take("lote-norte", move="park")
    assert "Hasta ahora B/. 2.67" in text_of(paid, link(visit))
    story.wait(minutes=5)
    visit.park()
    story.wait(minutes=5)
    page = text_of(paid, link(visit))
    assert "El tiempo corre otra vez" in page
    assert "Hasta ahora B/. 2.99 B/. 1.00 + 60 min × B/. 0.03" in page
    visit.request("bolivar").take("bolivar").ready().hand_over()
    receipt = text_of(paid, link(visit, "/receipt"))
    assert "Minutos completos 70 Minutos que lo esperamos: no se cobran 30" in receipt


def test_the_receipt_says_what_was_paid_how_and_that_it_is_no_invoice(
    story: Story, paid: FlaskClient, manager: FlaskClient
) -> None:
    visit = story.receive("herrera")
    story.wait(minutes=60)
    visit.request("herrera").ready().hand_over()
    receipt = text_of(paid, link(visit, "/receipt"))
    assert "Aquí no hay un pago anotado" in receipt
    assert "no es una factura fiscal" in receipt

    form = {"method": "yappy", "amount": "1.00", "reference": "Y-77"}
    for _ in range(2):
        assert manager.post(f"/manage/visits/{visit.id}/payments", data=form).status_code == 303
    story.wait(minutes=2)
    receipt = text_of(paid, link(visit, "/receipt"))
    assert "Pagado con Yappy, 9:00 p. m. Referencia Y-77 B/. 1.00 Por pagar B/. 1.67" in receipt
    assert "Pagado: B/. 1.00" in text_of(paid, link(visit))

    # A booth records it in its own journal.
    rest = {"method": "cash", "cents": 167, "fiscal": "FE0120000-1"}
    story.tell("herrera", "visit.paid", VALET, visit, rest)
    receipt = text_of(paid, link(visit, "/receipt"))
    assert "Pagado por completo" in receipt
    assert "Factura electrónica: FE0120000-1" in receipt
    assert "no es una factura fiscal" not in receipt
    shown = text_of(manager, f"/manage/visits/{visit.id}")
    assert "Efectivo B/. 1.67 – FE0120000-1" in shown
    assert "Pago anotado Yappy B/. 1.00" in shown
    (first, second) = json.loads(paid.get(link(visit, "/data.json")).data)["payments"]
    assert (first["method"], second["cents"]) == ("yappy", 167)


@pytest.mark.parametrize(
    "form", [{"method": "gold", "amount": "1.00"}, {"method": "cash", "amount": "much"}, {}]
)
def test_a_payment_that_cannot_be_read_is_refused(
    story: Story, manager: FlaskClient, form: dict[str, str]
) -> None:
    visit = story.receive("herrera")

    assert manager.post(f"/manage/visits/{visit.id}/payments", data=form).status_code == 422
    assert "Ningún pago anotado" in text_of(manager, f"/manage/visits/{visit.id}")


def test_the_slip_has_the_drivers_link_as_a_code_and_the_driver_is_told(
    story: Story, manager: FlaskClient, driver: FlaskClient
) -> None:
    visit = story.receive("herrera", phone=None)
    slip = manager.get(f"/manage/visits/{visit.id}/slip").text

    address = re.search(r'class="qr" role="img" aria-label="http[^/]+//[^/]+(/t/[^"]+)"><svg', slip)
    assert address is not None
    assert address[1] == link(visit)
    assert "Point any phone" in slip
    assert "Imprimió su boleto con el código QR" in text_of(driver, link(visit, "/data"))
    visit.request("herrera").ready().hand_over()
    story.wait(minutes=24 * 60 + 1)
    assert "<svg" not in manager.get(f"/manage/visits/{visit.id}/slip").text


def test_a_stay_that_costs_nothing_says_nothing_of_money(story: Story, driver: FlaskClient) -> None:
    assert "B/." not in text_of(driver, link(story.receive("herrera")))


def test_every_open_booth_has_its_window_and_walk(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    page = text_of(driver, link(visit))

    window = r"\d+:\d\d – \d+:\d\d p\. m\."
    assert re.search(rf"Plaza Bolívar Listo {window} 8 min a pie", page)
    assert re.search(rf"Plaza Herrera Listo {window} ", page)
    assert "A pie desde Plaza Herrera" in page


def test_who_received_the_car_and_who_saw_its_data_is_told(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera", phone="+50761234567")
    assert "Recibido por la credencial 0001" in text_of(driver, link(visit))
    page = text_of(driver, link(visit, "/data"))

    assert "termina en 4567" in page
    assert "61234567" not in page
    assert "Nadie los ha abierto" in page
    assert json.loads(driver.get(link(visit, "/data.json")).data)["looks"] == []


@pytest.fixture
def manager(story: Story, app: Flask) -> FlaskClient:
    """The browser of a manager who is signed in."""
    token = story.database.write(
        lambda session: open_session(session, story.config, MANAGER, story.now)
    )
    client = app.test_client()
    client.set_cookie("valet", token)
    return client


def test_a_manager_who_looks_is_named_to_the_driver_by_badge_screen_and_time(
    manager: FlaskClient, story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera", phone="+50761234567")
    assert manager.get(f"/manage/visits/{visit.id}").status_code == 200
    assert manager.get(f"/v1/visits/{visit.id}").status_code == 200
    assert manager.get("/manage/day.csv").status_code == 200
    page = text_of(driver, link(visit, "/data"))

    for line in ("en la página de la visita · 8:00 p. m.", "en la lista del día", "otro sistema"):
        assert line in page


def test_a_problem_reaches_the_manager_with_its_words(
    manager: FlaskClient, story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.request("herrera").ready().hand_over()
    driver.post(link(visit, "/problem"), data={"words": "Golpe en la puerta"})
    driver.post(link(visit, "/rating"), data={"stars": "2"})

    assert f"avisó de un problema: {visit.code}" in text_of(manager, "/manage/day")
    page = text_of(manager, f"/manage/visits/{visit.id}")
    assert "avisó de un problema “Golpe en la puerta”" in page
    assert "calificó con 2 de 5" in page


def test_the_marks_that_were_noted_are_shown(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    assert "Marcas" not in text_of(driver, link(visit, "/photos"))

    def note(session: Session) -> None:
        row = session.scalars(select(EventRow).where(EventRow.type == "visit.received")).one()
        body = {key: value for key, value in json.loads(row.line).items() if key != "hash"}
        body["data"]["damage"] = [
            {"zone": "left_front", "kind": "dent"},
            {"zone": "not_known_here", "kind": "dent"},
        ]
        row.line = seal(body)[0]

    story.database.write(note)
    page = text_of(driver, link(visit, "/photos"))
    assert "Marcas anotadas al recibirlo Puerta delantera izquierda: golpe " in page
    assert "not_known_here" not in page


def test_help_is_one_tap_away_where_there_is_a_number_for_it(
    story: Story, app: Flask, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    assert "tel:" not in driver.get(link(visit)).text
    object.__setattr__(app.extensions["valet"].config, "help_phone", "+50761112222")

    for path in (link(visit), "/t/unknown"):
        assert 'href="tel:+50761112222">Llamar para pedir ayuda' in driver.get(path).text
