"""Who may post to the touchscreen, what it tells its page, and that one tap is one act."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from booth_ui.app import create_app
from booth_ui.desk import viewer
from booth_ui.once import OnceTokens
from booth_ui.watch import event, said
from reader_agent.presence import Departure
from schemas.problems import Refusal
from tests.booth_client import text_of
from tests.booth_evening import (
    ANA,
    KEYS,
    STRANGER,
    Evening,
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8080"},
    ],
)
def test_another_page_in_the_kiosk_cannot_post(
    screen: FlaskClient, evening: Evening, headers: dict[str, str]
) -> None:
    evening.tap(ANA)

    answer = screen.post("/lock", headers=headers)

    assert answer.status_code == 403
    assert evening.booth.actor() is not None


def test_our_own_pages_can_post(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    ours = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"}

    assert screen.post("/lock", headers=ours).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.7", "[::1"])
def test_a_name_that_was_pointed_at_this_machine_gets_nothing(
    screen: FlaskClient, host: str
) -> None:
    answer = screen.get("/queue", headers={"Host": host})

    assert answer.status_code in (400, 403)
    assert "Plaza Herrera" not in answer.get_data(as_text=True)


def test_every_page_allows_our_own_scripts_only_and_is_never_kept(screen: FlaskClient) -> None:
    answer = screen.get("/queue")

    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_address_that_does_not_exist_leads_back_to_the_queue(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)

    answer = screen.get("/nowhere")

    assert answer.status_code == 404
    assert "Ir a la cola" in text_of(answer)


def test_a_fault_of_ours_shows_no_trace_and_a_way_on(
    screen: FlaskClient, evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening.tap(ANA)

    def broken(_text: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(evening.booth, "search", broken)
    answer = screen.post("/search", data={"query": "AB"})

    assert answer.status_code == 500
    assert "Lo guardado está seguro" in text_of(answer)
    assert "secret" not in answer.get_data(as_text=True)


def test_a_form_that_is_far_too_large_is_refused(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    assert screen.post("/search", data={"query": "A" * 100_000}).status_code == 413


def test_no_address_holds_a_plate_or_a_phone(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.ready(plate="AB1234")
    pages = ["/queue", f"/tickets/{visit_id}", f"/hand-over/{visit_id}", "/search", "/status"]

    for path in pages:
        page = screen.get(path).get_data(as_text=True)
        addresses = re.findall(r'(?:href|action)="([^"]*)"', page)
        assert addresses
        assert not any("AB1234" in address or "61234567" in address for address in addresses)


def test_the_stream_begins_with_a_heartbeat_and_tells_of_taps(
    screen: FlaskClient, evening: Evening
) -> None:
    messages = iter(screen.get("/watch").iter_encoded())
    assert next(messages).startswith(b"event: hb\n")

    evening.tap(STRANGER)
    message = next(messages).decode()

    assert message.startswith("event: say\n")
    data = json.loads(message.partition("data: ")[2])
    assert data["words"] == "Esa tarjeta no está registrada"
    assert data["tone"] == "error"
    evening.booth.feed.close()
    assert list(messages) == []


def test_a_tap_that_opens_a_screen_brings_its_address(evening: Evening) -> None:
    evening.tap(ANA)
    listening = evening.booth.feed.subscribe()
    evening.tap(KEYS[0])
    message = listening.next(0)
    assert message is not None

    with create_app(evening.booth).test_request_context(headers={"Accept-Language": "es"}):
        told = said(message, viewer(), evening.booth)

    assert told["path"] == "/receive"
    assert told["words"] == "Llave K-01 leída. Escriba la placa."


def test_a_stream_that_comes_back_says_where_a_tap_has_led_meanwhile(
    screen: FlaskClient, evening: Evening
) -> None:
    def first_of_a_stream() -> dict[str, str]:
        message = next(iter(screen.get("/watch").iter_encoded())).decode()
        told: dict[str, str] = json.loads(message.partition("data: ")[2])
        return told

    visit_id = evening.ready()
    page = screen.get("/queue").get_data(as_text=True)
    assert f'data-focus="{first_of_a_stream()["focus"]}"' in page
    evening.tap(KEYS[0])

    told = first_of_a_stream()

    assert told["path"] == f"/hand-over/{visit_id}"
    assert f'data-focus="{told["focus"]}"' not in page
    page = screen.get(told["path"]).get_data(as_text=True)
    assert f'data-focus="{told["focus"]}"' in page


def test_a_tag_that_was_not_read_well_is_asked_for_again(evening: Evening) -> None:
    listening = evening.booth.feed.subscribe()

    evening.booth.on_departure(Departure(KEYS[0], "em125", 1, confirmed=False))

    message = listening.next(0)
    assert message is not None
    assert message.key == "tap.again"


def test_an_event_is_one_line_of_json() -> None:
    assert event("hb", {"words": "línea\nuno"}) == 'event: hb\ndata: {"words": "línea\\nuno"}\n\n'


def test_a_token_gives_its_first_outcome_again() -> None:
    once, counted = OnceTokens(), []

    def act() -> str:
        counted.append(1)
        return "done"

    assert [once.run("a", act), once.run("a", act), once.run("b", act)] == ["done"] * 3
    assert len(counted) == 2


def test_a_token_repeats_a_refusal_too() -> None:
    once, counted = OnceTokens(), []

    def act() -> str:
        counted.append(1)
        raise Refusal("bad_code")

    for _ in range(2):
        with pytest.raises(Refusal):
            once.run("a", act)
    assert len(counted) == 1


def test_old_tokens_are_forgotten_not_kept_for_ever() -> None:
    once = OnceTokens()

    for number in range(2_000):
        once.run(str(number), lambda: "done")

    assert len(once._outcomes) <= 512
