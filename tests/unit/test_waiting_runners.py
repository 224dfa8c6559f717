"""Where somebody without a car is to wait, on the booth's screen."""

from __future__ import annotations

import re
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


def test_who_rides_along_reads_with_whom_and_the_driver_who_comes(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    evening.tap(ROSA)
    move = {"kind": "park", "from_place_id": BOOTH, "to_place_id": LOT, "runner_id": "ana"}
    lift = {"passengers": ["rosa"], "departs_at": "2026-11-21T02:14:00+00:00"}
    why = {"why": "rides_along", "why_place_id": BOOTH}
    evening.cloud.say(visit_id, move=move | why | lift)
    evening.meet()
    page = text_of(screen.get("/jobs"))
    assert re.search(r"Rosa Vega: vaya con Ana Ríos en el [A-Z]-\d{4}, sale a las 9:14", page)
    assert "Va con usted: Rosa Vega." in page
    assert "Llega en el carro de un compañero que sale de Plaza" in page
    # The actor reads it on the queue, too.
    assert "vaya con Ana Ríos" in text_of(screen.get("/queue"))
    evening.cloud.say(visit_id, move=move | {"why": "on_the_way"})
    evening.meet()
    assert "vaya con" not in text_of(screen.get("/jobs"))
