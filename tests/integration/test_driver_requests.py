"""The driver's request over HTTP: asking twice is asking once, and a refusal is told in words."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.hours import Hours
from server.models import EventRow, PlaceRow
from tests.driver_phone import ask, dump, headline, link, open_requests
from tests.visit_story import VALET, Story

pytest_plugins = ("tests.driver_stage",)


def test_the_request_is_promised_at_once_and_told_to_every_booth(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    version = visit.row().version

    answer = ask(driver, visit, "francia", "20:45")

    assert answer.status_code == 303
    assert answer.headers["Location"] == link(visit)
    (request,) = open_requests(story)
    assert (request.booth_id, request.source) == ("francia", "driver")
    assert request.wanted_at == story.now + timedelta(minutes=45)
    assert visit.row().version > version


def test_asking_again_changes_booth_and_cancelling_takes_it_back(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    ask(driver, visit, "francia")
    ask(driver, visit, "bolivar")
    assert [request.booth_id for request in open_requests(story)] == ["bolivar"]

    for _ in range(2):
        assert driver.post(link(visit, "/cancel")).status_code == 303
    assert open_requests(story) == []
    page = driver.get(link(visit))
    assert headline(page) == "Recibimos su carro"
    assert "Canceló el pedido para Plaza Bolívar." in page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', page.text))
    driver.post(link(visit, "/request"), data=hidden)
    assert [request.booth_id for request in open_requests(story)] == ["bolivar"]
    driver.post(link(visit, "/cancel"))
    story.wait(seconds=61)
    assert "Canceló el pedido" not in driver.get(link(visit)).text


def test_four_equal_requests_at_once_make_one(story: Story, app: Flask) -> None:
    visit = story.receive("herrera")
    together, answers = threading.Barrier(4), []

    def press() -> None:
        driver = app.test_client()
        together.wait(60)
        answers.append(ask(driver, visit).status_code)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == [303] * 4
    assert len(open_requests(story)) == 1
    asked = story.database.read(
        lambda session: session.scalars(
            select(EventRow).where(EventRow.type == "visit.requested")
        ).all()
    )
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"booth_id": "bolivar", "when": "19:30"}, 422, "Esa hora ya pasó"),
        ({"booth_id": "bolivar", "when": "soon"}, 422, "Esa hora ya pasó"),
        ({"booth_id": "bolivar"}, 422, "Esa hora ya pasó"),
        ({"when": "now"}, 422, "Escoja una caseta de la lista"),
        ({"booth_id": "lote-norte", "when": "now"}, 404, "No conocemos esa caseta"),
        ({"booth_id": "<b>x", "when": "now"}, 404, "No conocemos esa caseta"),
        ({}, 422, "Escoja una caseta de la lista"),
    ],
)
def test_a_refusal_is_told_in_words_with_the_form_below_it(
    story: Story, driver: FlaskClient, fields: dict[str, str], status: int, words: str
) -> None:
    visit = story.receive("herrera")

    answer = driver.post(link(visit, "/request"), data=fields)

    assert answer.status_code == status
    assert words in answer.text
    assert 'role="alert"' in answer.text
    assert 'name="booth_id"' in answer.text
    assert "<b>x" not in answer.text
    assert open_requests(story) == []


def test_what_was_chosen_stays_chosen_after_a_refusal(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")

    answer = ask(driver, visit, "francia", "19:30")

    assert re.search(r'value="francia" required checked', answer.text)


def test_a_car_on_its_way_cannot_be_sent_elsewhere(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    ask(driver, visit, "bolivar")
    visit.take("bolivar")

    assert ask(driver, visit, "bolivar").status_code == 303
    for answer in (ask(driver, visit, "francia"), driver.post(link(visit, "/cancel"))):
        assert answer.status_code == 409
        assert "ya viene en camino" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/request", "/cancel"])
def test_another_sites_form_is_refused(
    story: Story, driver: FlaskClient, path: str, headers: dict[str, str]
) -> None:
    visit = story.receive("herrera")
    before = dump(story.database)

    answer = driver.post(
        link(visit, path), data={"booth_id": "bolivar", "when": "now"}, headers=headers
    )

    assert answer.status_code == 403
    assert headline(answer) == "Este pedido vino de otra página"
    assert dump(story.database) == before


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}]
)
def test_the_pages_own_form_is_taken(
    story: Story, driver: FlaskClient, headers: dict[str, str]
) -> None:
    visit = story.receive("herrera")

    answer = driver.post(
        link(visit, "/request"), data={"booth_id": "bolivar", "when": "now"}, headers=headers
    )

    assert answer.status_code == 303


def test_a_form_that_is_too_large_is_refused_in_words(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")

    answer = ask(driver, visit, "x" * (story.config.form_bytes_max + 1000))

    assert answer.status_code == 413
    assert headline(answer) == "No pudimos hacerlo"


def test_with_all_booths_closed_the_page_says_whom_to_talk_to(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")

    def close(session: Session) -> None:
        for place in session.scalars(select(PlaceRow)):
            place.is_open = False

    story.database.write(close)

    assert "Las casetas están cerradas ahora" in driver.get(link(visit)).text
    refused = ask(driver, visit)
    assert refused.status_code == 409
    assert "Plaza Bolívar está cerrada" in refused.text


def open_from(story: Story, **hours: tuple[str, str]) -> None:
    """Give booths hours that are the same on every day."""

    def work(session: Session) -> None:
        for booth_id, (from_time, until_time) in hours.items():
            session.get_one(PlaceRow, booth_id).hours = (
                Hours(tuple(range(7)), from_time, until_time),
            )

    story.database.write(work)


def test_a_booth_is_asked_for_only_at_a_time_at_which_it_is_open(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    open_from(story, bolivar=("21:00", "23:00"), francia=("18:00", "20:30"))
    page = driver.get(link(visit)).text.replace("\u00a0", " ")
    assert "Abre a las 9:00 p. m." in page
    assert "Abierta hasta las 8:30 p. m." in page
    labels = r'data-shut=" ([^"]+) "><input type="radio" name="booth_id" value="(\w+)"'
    shut = dict(re.findall(labels, page))
    assert {booth: times.split()[0] for times, booth in shut.items()} == {
        "bolivar": "now",
        "francia": "20:30",
    }

    for booth_id, when, words in (
        ("bolivar", "now", "Plaza Bolívar: Abre a las 9:00 p. m."),
        ("francia", "20:45", "Plaza de Francia: Abierta hasta las 8:30 p. m."),
        ("bolivar", "23:00", "Plaza Bolívar: Abre a las 9:00 p. m."),
    ):
        refused = ask(driver, visit, booth_id, when)
        assert refused.status_code == 409
        assert "cerrada a esa hora. Escoja otra caseta u otra hora. " + words in (
            refused.text.replace("\u00a0", " ")
        )
    assert open_requests(story) == []
    assert ask(driver, visit, "bolivar", "21:00").status_code == 303
    assert ask(driver, visit, "francia", "now").status_code == 303
    story.wait(minutes=40)
    # Francia is shut by now; what was asked for while it was open stands.
    assert ask(driver, visit, "francia", "now").status_code == 303
    assert [request.booth_id for request in open_requests(story)] == ["francia"]


def test_while_all_booths_are_shut_the_page_says_which_opens_first_and_can_be_booked(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    open_from(
        story,
        bolivar=("22:00", "23:00"),
        francia=("21:30", "23:00"),
        herrera=("05:00", "06:00"),
    )
    page = driver.get(link(visit)).text.replace("\u00a0", " ")

    assert "Primero abre Plaza de Francia: 9:30 p. m." in page
    assert 'value="now"' not in page
    assert 'value="later"' in page
    assert '<option value="21:30" selected>' in page
    assert ask(driver, visit, "francia", "now").status_code == 409
    assert ask(driver, visit, "francia", "21:30").status_code == 303
    assert "Plaza Bolívar" not in driver.get("/t/unknown").text


def test_the_line_counts_who_asked_earlier(story: Story, driver: FlaskClient) -> None:
    visits = [story.receive("herrera") for _ in range(3)]
    for visit in visits:
        story.wait(seconds=10)
        ask(driver, visit, "bolivar")
    late = story.receive("francia")
    ask(driver, late, "bolivar", "21:30")

    assert "Turno 3 en la fila" in driver.get(link(visits[2])).text
    assert "fila" not in driver.get(link(late)).text
    visits[0].take("bolivar")
    assert "Es el próximo en la fila" in driver.get(link(visits[1])).text


def test_who_comes_while_the_car_is_taken_back_asks_anew_and_once(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    ask(driver, visit, "bolivar")
    visit.take("bolivar").ready()
    story.wait(minutes=1)
    story.tell("bolivar", "visit.called", None, visit, {"number": 1})
    assert "Le estamos llamando desde las 8:01" in driver.get(link(visit)).text
    story.wait(minutes=10)
    visit.take("lote-norte", move="park")
    page = driver.get(link(visit))
    assert headline(page) == "Su carro vuelve al lote"
    assert "Cancelar el pedido" not in page.text

    for _ in range(2):
        assert ask(driver, visit, "bolivar").status_code == 303
    assert headline(driver.get(link(visit))) == "Su carro está pedido"
    visit.step += 1
    story.wait(minutes=5)
    visit.park()

    assert [request.booth_id for request in open_requests(story)] == ["bolivar"]
    asked = story.database.read(
        lambda session: session.scalars(
            select(EventRow).where(EventRow.type == "visit.requested")
        ).all()
    )
    assert len(asked) == 2


def test_a_car_that_nobody_came_for_says_so_until_it_is_asked_for(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera").request("bolivar").take("bolivar").ready()
    story.wait(minutes=10)
    visit.take("lote-norte", move="park")
    story.wait(minutes=5)
    visit.park()

    page = driver.get(link(visit))
    assert headline(page) == "Su carro volvió al lote"
    assert "Lo esperamos en la caseta hasta las 8:10" in page.text.replace("\u00a0", " ")
    ask(driver, visit, "bolivar")
    assert headline(driver.get(link(visit))) == "Su carro está pedido"


def test_a_car_that_is_kept_over_night_says_so_until_it_goes_on(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera").take("lote-norte").park()
    story.wait(minutes=1)
    story.tell("lote-norte", "visit.unclaimed", VALET, visit, {"bag": "41"})
    page = driver.get(link(visit))
    assert headline(page) == "Su carro y sus llaves están guardados"
    assert "Está en Lote Norte." in page.text

    story.wait(minutes=1)
    visit.request("bolivar").take("bolivar")
    assert headline(driver.get(link(visit))) == "Su carro viene en camino"
