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

from server.models import EventRow, PlaceRow
from tests.driver_phone import ask, dump, headline, link, open_requests
from tests.visit_story import Story

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
    assert headline(driver.get(link(visit))) == "Recibimos su carro"


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
