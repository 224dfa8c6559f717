"""Where somebody without a car is to wait, on the booth's screen."""

from __future__ import annotations

from dataclasses import asdict

from flask.testing import FlaskClient

from tests.booth_client import text_of
from tests.booth_evening import BOOTH, LOT, PEOPLE, ROSA, Evening


def send_to(evening: Evening, place_id: str | None) -> None:
    """The cloud says where Rosa waits."""
    (rosa,) = [person for person in PEOPLE if person.id == "rosa"]
    body = {**asdict(rosa), "wait_place_id": place_id}
    evening.cloud._add("person", rosa.id, body)
    evening.meet()


def test_who_has_nothing_to_drive_reads_where_to_wait(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    evening.tap(ROSA)
    send_to(evening, LOT)
    words = "Rosa Vega: espera en Lote Norte"
    assert words in text_of(screen.get("/jobs"))
    move = {"kind": "park", "from_place_id": BOOTH, "to_place_id": LOT, "runner_id": "rosa"}
    why = {"why": "on_the_way", "why_place_id": LOT, "to_stall": "7"}
    evening.cloud.say(visit_id, move=move | why)
    evening.meet()
    page = text_of(screen.get("/jobs"))
    assert words not in page
    assert "Le queda de camino al volver de Lote Norte." in page
    assert "puesto 7" in page
    evening.cloud.say(visit_id, move=None)
    send_to(evening, None)
    assert words not in text_of(screen.get("/jobs"))
