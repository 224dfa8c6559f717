"""The city's own sign-in, against a provider on loopback that answers rightly, and wrongly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from schemas.district import AUDITOR, MANAGER, SUPERVISOR
from server import clock
from server.app import create_app
from server.models import (
    ChangeRow,
    CityAccountRow,
    CitySignInRow,
    PersonRow,
    SessionRow,
    StaffPinRow,
)
from server.sessions import open_session
from server.sign_in.city_settings import CitySettings
from tests.city_provider import CityProvider
from tests.cloud_kit import CloudKit
from tests.manager_evening import services_of
from tests.visit_story import KEY, Story, settings

# Now and then nobody looks at a clock twice: far enough from any date that a token could be of.
NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
ROLES = {"valet-gerencia": MANAGER, "valet-auditoria": AUDITOR}


class Office:
    """The cloud with a city behind it, and a browser that has not signed in."""

    def __init__(self, folder: Path, url: str, provider: CityProvider) -> None:
        city = CitySettings(
            issuer=provider.issuer,
            client_id="valet",
            client_secret="s3cret:/&",
            name="Panamá",
            roles=ROLES,
            person_claim="preferred_username",
        )
        config = replace(settings(folder, url), city=city)
        config.key_file.parent.mkdir(parents=True, exist_ok=True)
        config.key_file.write_text(KEY.secret.hex())
        self.app = create_app(config)
        found = services_of(self.app)
        Story(found.database, found.config)
        self.kit = CloudKit(found.database, config)
        self.browser: FlaskClient = self.app.test_client()
        self.provider = provider

    def leave(self, browser: FlaskClient | None = None) -> str:
        """Follow the link to the city; the address that the provider sends back to."""
        answer = (browser or self.browser).get("/manage/sign-in/city?next=/manage/account")
        assert answer.status_code == 303, answer.text
        return self.provider.authorize(answer.headers["Location"])

    def come_back(self, address: str, browser: FlaskClient | None = None) -> TestResponse:
        """Open what the provider sent."""
        parts = urlsplit(address)
        return (browser or self.browser).get(f"{parts.path}?{parts.query}")

    def sign_in(self) -> TestResponse:
        """All of it."""
        return self.come_back(self.leave())

    def roles_of(self, person_id: str) -> list[str]:
        """What somebody may do."""
        row = self.kit.database.read(lambda session: session.get(PersonRow, person_id))
        assert row is not None
        return row.roles


@pytest.fixture(scope="module")
def provider() -> Iterator[CityProvider]:
    """The city's provider on loopback."""
    with CityProvider("valet", "s3cret:/&") as running:
        yield running


@pytest.fixture(scope="module")
def opened(
    provider: CityProvider, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """The cloud of all tests here."""
    folder = tmp_path_factory.mktemp("city")
    file = shutil.copyfile(_sqlite_template, folder / "server.sqlite3")
    opened = Office(folder, f"sqlite:///{file}", provider)
    yield opened
    opened.kit.database.close()


@pytest.fixture
def office(opened: Office, provider: CityProvider, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Whom the provider knows is Carla, of the management; the district has not heard of her."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    provider.reset(NOW)

    def work(session: Session) -> None:
        for model in (CityAccountRow, CitySignInRow, SessionRow, ChangeRow, StaffPinRow):
            session.execute(delete(model))
        session.execute(delete(PersonRow).where(PersonRow.id.startswith("carla")))
        known = session.get(PersonRow, "sofia")
        assert known is not None
        known.roles = [SUPERVISOR, "valet"]

    opened.kit.database.write(work)
    opened.browser = opened.app.test_client()
    return opened


def test_who_has_a_group_is_taken_in_with_its_role_and_signed_in(office: Office) -> None:
    form = office.browser.get("/manage/sign-in")
    assert "Panamá" in form.text

    answer = office.sign_in()

    assert (answer.status_code, answer.headers["Location"]) == (303, "/manage/account")
    page = office.browser.get("/manage/account")
    assert "Carla Díaz" in page.text
    assert office.roles_of("carla-diaz") == [MANAGER]
    assert [row.person_id for row in office.kit.rows(ChangeRow)] == ["city"]
    # The second time it is the same person.
    office.browser.post("/manage/sign-out")
    assert office.sign_in().status_code == 303
    assert len(office.kit.rows(ChangeRow)) == 1


def test_the_browser_is_sent_with_state_nonce_and_a_challenge(office: Office) -> None:
    answer = office.browser.get("/manage/sign-in/city")
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)

    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    kept = office.kit.one(CitySignInRow)
    assert kept.verifier not in answer.headers["Location"]


FAULTS = (
    *("bad_signature", "other_key", "alg_none", "alg_hmac", "wrong_nonce", "no_nonce"),
    *("wrong_audience", "other_audience_too", "wrong_issuer", "expired", "from_tomorrow"),
    *("no_expiry", "no_token", "error_500", "not_json", "other_issuer_in_answer"),
    *("discovery_of_another", "endpoint_in_plain"),
)


def test_a_provider_that_answers_wrongly_lets_nobody_in(office: Office) -> None:
    for fault in FAULTS:
        browser = office.app.test_client()
        office.provider.fault = ""
        address = office.leave(browser)
        office.provider.fault = fault
        if fault == "other_issuer_in_answer":
            address += "&iss=https%3A%2F%2Fevil.example"

        answer = office.come_back(address, browser)

        assert answer.status_code == 503, fault
        assert "valet=" not in answer.headers.get("Set-Cookie", ""), fault
        assert browser.get("/manage/account").status_code == 303, fault
        # The same address again is over, also for a provider that is well.
        office.provider.fault = ""
        assert office.come_back(address, browser).status_code == 422, fault
    assert "carla-diaz" not in [row.id for row in office.kit.rows(PersonRow)]
    assert office.kit.rows(ChangeRow) == []
    assert office.sign_in().status_code == 303


def test_an_answer_that_was_begun_by_another_browser_is_not_taken(office: Office) -> None:
    thief = office.app.test_client()
    address = office.leave(thief)
    # The victim has one under way, too: the state does not fit its cookie.
    office.leave()

    assert office.come_back(address).status_code == 422
    assert office.app.test_client().get(urlsplit(address).path).status_code == 303


def test_an_answer_comes_too_late(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    address = office.leave()
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=11))

    assert office.come_back(address).status_code == 422


def test_who_has_no_group_is_nobody_and_who_lost_it_loses_the_role_and_the_session(
    office: Office,
) -> None:
    office.sign_in()
    office.provider.claims["groups"] = ["other"]

    answer = office.app.test_client()
    refused = office.come_back(office.leave(answer), answer)

    assert refused.status_code == 403
    assert office.roles_of("carla-diaz") == []
    assert office.browser.get("/manage/account").status_code == 303
    office.provider.claims |= {"sub": "stranger", "preferred_username": "stranger"}
    assert office.sign_in().status_code == 403
    assert "stranger" not in [row.id for row in office.kit.rows(PersonRow)]


def test_somebody_whom_the_district_knows_keeps_the_roles_that_are_not_the_citys(
    office: Office,
) -> None:
    office.provider.claims |= {"preferred_username": "sofia", "groups": ["valet-auditoria"]}

    assert office.sign_in().status_code == 303

    assert office.roles_of("sofia") == [SUPERVISOR, "valet", AUDITOR]
    # Another account of the city that claims the same name is somebody else.
    office.provider.claims["sub"] = "another"
    office.browser.post("/manage/sign-out")
    assert office.sign_in().status_code == 303
    assert office.roles_of("carla-diaz") == [AUDITOR]


def test_who_was_locked_out_here_does_not_come_in_by_the_city(office: Office) -> None:
    office.sign_in()
    found = services_of(office.app)

    def other(session: Session) -> str:
        return open_session(session, found.config, "luis", NOW)

    manager = office.app.test_client()
    manager.set_cookie("valet", found.database.write(other))
    manager.post(
        "/manage/admin/people/carla-diaz/lock", data={"action": "lock", "reason": "left the city"}
    )

    assert office.browser.get("/manage/account").status_code == 303
    assert office.sign_in().status_code == 403
