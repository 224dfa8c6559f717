"""A car that is brought near before anybody asks for it, on the screens of a lot and a booth."""

from __future__ import annotations

from flask.testing import FlaskClient

from schemas import states
from tests.booth_client import text_of
from tests.booth_evening import ANA, BOOTH, KEYS, LOT, ROSA, Evening

WHY = "Acérquelo a Plaza Herrera desde ya"


def test_the_lot_says_why_and_the_booth_keeps_it_until_it_is_asked_for(
    screen: FlaskClient, lot_screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.parked()
    move = {"kind": "relocate", "from_place_id": LOT, "to_place_id": BOOTH, "runner_id": "rosa"}
    evening.cloud.say(visit_id, move=move | {"why": "staged", "why_place_id": BOOTH})
    evening.meet()
    evening.tap(ROSA, evening.lot)
    assert WHY in text_of(lot_screen.get("/queue"))
    assert evening.tap(KEYS[0], evening.lot).key == "tap.taken"
    evening.cloud.say(visit_id, move=None)
    evening.meet()
    assert "Cerca, sin pedir" in text_of(screen.get("/queue"))
    evening.tap(ROSA)
    said = evening.tap(KEYS[0])
    assert (said.key, said.screen) == ("tap.staged", None)
    evening.meet()
    assert evening.booth.card(visit_id).car == states.PARKED
    page = text_of(screen.get("/queue"))
    assert "Cerca, sin pedir" in page
    assert "Pedidos" not in page
    # Asked for, it is ready with one tap, and given back like any other.
    evening.ask_for(visit_id)
    assert "Pedidos" in text_of(screen.get("/queue"))
    evening.tap(ANA)
    assert evening.tap(KEYS[0]).key in ("tap.ready", "tap.ready_at")
    assert evening.booth.card(visit_id).car == states.READY
