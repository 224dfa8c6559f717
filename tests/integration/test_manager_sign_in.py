"""Signing in to the manager's pages: who gets in, how it ends, and who is kept out."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from schemas import states
from server.models import SessionRow
from tests.manager_evening import DATE, PASSWORD, Evening
from tests.visit_story import MANAGER

DAY = f"/manage/day?date={DATE}"
pytest_plugins = ("tests.manager_stage",)


def test_every_page_and_form_sends_a_stranger_to_the_sign_in_page(shown: Evening) -> None:
    stranger = shown.app.test_client()
    free = {"manager.sign_in_form", "manager.sign_in", "manager.choose_language"}
    free |= {"manager.sign_in_passkey", "manager.sign_in_passkey_options"}
    names = {"visit_id": shown.held.id, "message_id": "m", "_anything": "x"}
    names |= {"read_id": "r", "station_id": "s", "sha256": "0" * 64}

    with shown.app.test_request_context():
        adapter = shown.app.url_map.bind("localhost")
        for rule in shown.app.url_map.iter_rules():
            if not rule.endpoint.startswith("manager.") or rule.endpoint in free:
                continue
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            values = {name: names.get(name, "x") for name in rule.arguments}
            path = adapter.build(rule.endpoint, values)
            answer = stranger.open(path, method=method)
            assert answer.status_code == 303, rule
            assert answer.headers["Location"].startswith("/manage/sign-in"), rule


def test_signing_in_leads_to_the_page_that_was_asked_for(shown: Evening) -> None:
    browser = shown.app.test_client()
    asked = browser.get(DAY)
    form = browser.get(asked.headers["Location"])
    wanted = re.search(r'name="next" value="([^"]*)"', form.text)
    assert wanted is not None

    answer = browser.post(
        "/manage/sign-in",
        data={"person": " LUIS ", "password": PASSWORD, "next": wanted[1]},
    )

    assert answer.headers["Location"] == DAY
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("valet=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_over_tls_the_cookie_is_bound_to_the_host(shown: Evening) -> None:
    browser = shown.app.test_client()

    answer = browser.post(
        "/manage/sign-in",
        base_url="https://localhost",
        data={"person": MANAGER, "password": PASSWORD},
    )

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-valet=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "after", ["https://example.org/", "//example.org", "/manage/\\example.org", "/v1/visits"]
)
def test_signing_in_leads_nowhere_else(shown: Evening, after: str) -> None:
    browser = shown.app.test_client()

    answer = browser.post(
        "/manage/sign-in", data={"person": MANAGER, "password": PASSWORD, "next": after}
    )

    assert answer.headers["Location"] == "/manage/"


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(shown: Evening) -> None:
    browser = shown.app.test_client()

    answers = [
        browser.post("/manage/sign-in", data={"person": person, "password": "wrong-password"})
        for person in (MANAGER, "nobody")
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert len({answer.text.replace(MANAGER, "nobody") for answer in answers}) == 1
    assert "Set-Cookie" not in answers[0].headers


def test_signing_out_kills_a_copied_cookie(evening: Evening, client: FlaskClient) -> None:
    cookie = client.get_cookie("valet")
    assert cookie is not None
    thief = evening.app.test_client()
    thief.set_cookie("valet", cookie.value)
    assert thief.get(DAY).status_code == 200

    client.post("/manage/sign-out")

    assert thief.get(DAY).status_code == 303
    assert evening.database.read(lambda session: session.scalars(select(SessionRow)).all()) == []


def test_a_session_ends_when_its_time_is_over(evening: Evening, client: FlaskClient) -> None:
    evening.story.wait(minutes=12 * 60)

    assert client.get(DAY).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://example.org"},
    ],
)
def test_another_sites_form_changes_nothing(
    shown: Evening, looking: FlaskClient, headers: dict[str, str]
) -> None:
    answer = looking.post(
        f"/manage/visits/{shown.held.id}/resolve",
        data={"truth": "parked lote-norte", "reason": "seen it"},
        headers=headers,
    )

    assert answer.status_code == 403
    assert shown.held.row().state == states.HELD
