"""A request is new to a place until somebody there looks; the screen says so with every beat."""

from __future__ import annotations

import json

from flask.testing import FlaskClient

from booth_ui.page import REDRAW_HEADER
from reader_agent.new_requests import NewRequests
from tests.booth_client import client_of, text_of
from tests.booth_evening import ANA, BOOTH, KEYS, ROSA, Evening


def news(screen: FlaskClient) -> str:
    """What the first beat of the stream says of new requests."""
    message = next(iter(screen.get("/watch").iter_encoded())).decode()
    return str(json.loads(message.partition("data: ")[2])["news"])


def test_a_request_is_new_where_it_is_worked_on_until_somebody_looks(evening: Evening) -> None:
    visit_id = evening.parked()
    assert (evening.booth.floor.requests.count(), evening.lot.floor.requests.count()) == (0, 0)
    evening.ask_for(visit_id)

    assert (evening.booth.floor.requests.count(), evening.lot.floor.requests.count()) == (1, 1)
    evening.lot.floor.requests.look()
    assert (evening.booth.floor.requests.count(), evening.lot.floor.requests.count()) == (1, 0)
    # Asked for differently is asked for anew.
    evening.booth.cancel_request(visit_id)
    evening.ask_for(visit_id)
    assert evening.lot.floor.requests.count() == 1


def test_after_a_restart_only_what_nobody_had_looked_at_is_new(evening: Evening) -> None:
    first, second = evening.parked(1), evening.parked(2)
    evening.ask_for(first)
    evening.lot.floor.requests.look()
    evening.ask_for(second)
    again = NewRequests(evening.lot._hands, role="lot")
    assert again.count() == 1
    again.look()
    assert NewRequests(evening.lot._hands, role="lot").count() == 0


def test_a_car_that_was_taken_out_or_stands_ready_is_no_news(evening: Evening) -> None:
    evening.ask_for(evening.parked())
    evening.tap(ROSA, evening.lot)
    evening.tap(KEYS[0], evening.lot)
    assert evening.lot.floor.requests.count() == 0
    evening.meet()
    assert evening.booth.floor.requests.count() == 1
    evening.tap(ANA)
    evening.tap(KEYS[0])
    assert evening.booth.floor.requests.count() == 0


def test_the_screen_says_so_in_words_until_a_person_opens_the_queue(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.parked()
    evening.tap(ROSA, evening.lot)
    evening.lot.request_car(visit_id, BOOTH)
    evening.meet()
    evening.tap(ANA)
    words = "Pedidos nuevos: 1"

    assert news(screen) == words
    # A page that draws itself anew is nobody who looks.
    assert words in text_of(screen.get("/queue", headers={REDRAW_HEADER: "1"}))
    assert news(screen) == words
    assert words in text_of(screen.get("/queue"))
    assert news(screen) == ""
    assert words not in text_of(screen.get("/queue"))
    lot = client_of(evening.lot)
    assert news(lot) == words
    lot.get(f"/tickets/{visit_id}")
    assert news(lot) == ""


def test_the_volume_is_chosen_for_this_screen(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    assert 'data-volume="high"' in screen.get("/settings").get_data(as_text=True)
    screen.post("/settings", data={"volume": "off", "back": "/settings"})
    page = screen.get("/settings").get_data(as_text=True)
    assert 'data-volume="off"' in page
    assert 'value="off" aria-pressed="true"' in page
    screen.post("/settings", data={"volume": "deafening"})
    assert 'data-volume="off"' in screen.get("/settings").get_data(as_text=True)
