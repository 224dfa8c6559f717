"""Passkeys: made by who is signed in, shown instead of password and code, and bad ones refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from schemas.district import ADMINISTRATOR, MANAGER
from server import clock
from server.accounts import set_password
from server.models import (
    ChangeRow,
    PasskeyChallengeRow,
    PasskeyRow,
    PersonRow,
    SessionRow,
    SignInRow,
)
from server.sessions import open_session
from server.sign_in.passkeys import site_of
from tests.cloud_kit import CloudKit
from tests.manager_evening import open_app, services_of
from tests.passkey_device import Device
from tests.visit_story import EVENING, Story, settings

PASSWORD, ORIGIN = "correcto-caballo", "https://valet.example"
HOME, IN = "/manage/account", "/manage/sign-in/passkey"


@dataclass
class Office:
    """A cloud in which a manager needs two factors, and its clock."""

    app: Flask
    kit: CloudKit
    now: datetime = EVENING

    def browser(self, person: str | None = None) -> FlaskClient:
        """One of somebody who is signed in, however that was; or of nobody."""
        browser = self.app.test_client()
        if person is not None:
            config = self.kit.config
            token = self.kit.database.write(
                lambda session: open_session(session, config, person, self.now)
            )
            browser.set_cookie("valet", token)
        return browser

    def options(self, browser: FlaskClient, **form: str) -> Any:
        """What a page asks the device for: to make a passkey, or to show one."""
        path = f"{HOME}/passkeys/options" if form else f"{IN}/options"
        answer = browser.post(path, data=form)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def make(self, browser: FlaskClient, device: Device, name: str = "Teléfono") -> int:
        """Make a passkey; the status."""
        answer = device.make(self.options(browser, password=PASSWORD))
        form = {"name": name, "answer": answer}
        return browser.post(f"{HOME}/passkeys", data=form).status_code

    def enter(self, browser: FlaskClient, answer: str) -> int:
        """Show one; the status."""
        form = {"answer": answer, "next": HOME}
        return browser.post(IN, data=form).status_code


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Luis manages and Adela administers; nobody has a passkey."""
    yield from opened(sqlite_url, tmp_path, monkeypatch)


@pytest.fixture
def everywhere(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """The same on both databases."""
    yield from opened(database_url, tmp_path, monkeypatch)


def opened(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The office on this database."""
    app = open_app(tmp_path, url)
    found = services_of(app)
    roles = frozenset({MANAGER, ADMINISTRATOR})
    config = replace(found.config, public_url=ORIGIN, second_factor_roles=roles, passkeys_max=2)
    app.extensions["valet"] = replace(found, config=config)
    Story(found.database, config)
    adela = PersonRow(
        id="adela", name="Adela Ruiz", roles=[ADMINISTRATOR], is_active=True, version=1, breaks=[]
    )
    found.database.write(lambda session: session.add(adela))
    found.database.write(lambda session: set_password(session, "luis", PASSWORD))
    office = Office(app, CloudKit(found.database, config))
    monkeypatch.setattr(clock, "now", lambda: office.now)
    yield office
    found.database.close()


def test_a_passkey_is_made_with_the_password_and_signs_in_alone(office: Office) -> None:
    browser, device = office.browser("luis"), Device(ORIGIN)
    wrong = browser.post(f"{HOME}/passkeys/options", data={"password": "wrong"})
    assert (wrong.status_code, "problem" in wrong.get_json()) == (422, True)
    assert office.make(browser, device) == 303
    row = office.kit.one(PasskeyRow)
    assert (row.person_id, row.name, row.used_at) == ("luis", "Teléfono", None)
    assert b"luis" not in device.handle

    other = office.browser()
    office.now += timedelta(minutes=5)
    assert office.enter(other, device.show(office.options(other))) == 303
    page = other.get(HOME)
    assert page.status_code == 200
    assert "Teléfono" in page.text
    assert "Llave de acceso" in page.text
    assert office.kit.one(PasskeyRow).used_at == office.now
    assert office.kit.one(PasskeyRow).sign_count == 1
    assert [(row.how, row.outcome) for row in office.kit.rows(SignInRow)] == [("passkey", "done")]
    # What it opens is a whole session, although a manager needs a second factor.
    assert {row.stage for row in office.kit.rows(SessionRow)} == {"open"}

    assert other.post(f"{HOME}/passkeys/remove", data={"passkey": row.id}).status_code == 303
    assert office.kit.count(PasskeyRow) == 0
    noted = [(row.person_id, row.subject_id, row.action) for row in office.kit.rows(ChangeRow)]
    assert noted == [("luis", "luis", "passkey_added"), ("luis", "luis", "passkey_removed")]
    late = office.browser()
    assert office.enter(late, device.show(office.options(late))) == 422


BAD: list[tuple[str, Callable[[Device], Device]]] = [
    ("another site", lambda device: replace(device, origin="https://valet.example.evil")),
    ("nobody was asked for", lambda device: replace(device, is_verified=False)),
    ("a count that does not rise", lambda device: replace(device, step=0)),
    ("another key", lambda device: replace(device, key=Device(ORIGIN).key)),
    ("somebody else", lambda device: replace(device, handle=b"adela")),
    ("an unknown passkey", lambda device: replace(device, id=b"0123456789abcdef")),
]


def test_what_does_not_hold_opens_nothing_and_is_on_record(office: Office) -> None:
    device = Device(ORIGIN, count=4)
    assert office.make(office.browser("luis"), device) == 303
    for why, change in BAD:
        browser = office.browser()
        bad = change(replace(device))
        assert office.enter(browser, bad.show(office.options(browser))) == 422, why
        assert browser.get(HOME).status_code == 303, why
    refused = [row for row in office.kit.rows(SignInRow) if row.outcome == "refused"]
    assert [row.person_id for row in refused] == ["luis"] * (len(BAD) - 1)

    # Of another host, although everything else fits.
    browser = office.browser()
    options = {**office.options(browser), "rpId": "example"}
    assert office.enter(browser, replace(device).show(options)) == 422
    for junk in ("", "{}", "[]", "{", '{"id": 1, "response": {}}', '{"id": "a", "response": []}'):
        browser = office.browser()
        office.options(browser)
        assert office.enter(browser, junk) == 422, junk
    browser = office.browser()
    assert office.enter(browser, device.show(office.options(browser))) == 303


def test_a_challenge_is_good_once_for_one_browser_and_for_a_while(everywhere: Office) -> None:
    office = everywhere
    device = Device(ORIGIN)
    assert office.make(office.browser("luis"), device) == 303
    browser, thief = office.browser(), office.browser()
    answer = device.show(office.options(browser))
    office.options(thief)
    assert office.enter(thief, answer) == 422
    assert office.enter(browser, answer) == 303
    # The cookie of before, too.
    assert office.enter(office.browser(), answer) == 422
    late = office.browser()
    answer = device.show(office.options(late))
    office.now += timedelta(seconds=office.kit.config.sign_in_step_s)
    assert office.enter(late, answer) == 422
    # A bad answer uses it up as well.
    again = office.browser()
    options = office.options(again)
    assert office.enter(again, "{}") == 422
    assert office.enter(again, device.show(options)) == 422
    assert office.kit.count(PasskeyChallengeRow) <= 1


def test_a_passkey_is_made_for_this_session_by_a_device_that_asks(office: Office) -> None:
    browser, other = office.browser("luis"), office.browser("luis")
    options = office.options(browser, password=PASSWORD)
    form = {"name": "x", "answer": Device(ORIGIN).make(options)}
    assert other.post(f"{HOME}/passkeys", data=form).status_code == 422
    assert office.make(browser, Device(ORIGIN, is_verified=False)) == 422
    assert office.make(browser, Device("https://evil.example")) == 422
    assert office.kit.count(PasskeyRow) == 0
    device = Device(ORIGIN)
    assert office.make(browser, device) == 303
    # The same once more is none of two.
    assert office.make(browser, device) == 422
    assert office.make(browser, Device(ORIGIN), " ") == 303
    many = browser.post(f"{HOME}/passkeys/options", data={"password": PASSWORD})
    assert many.status_code == 409
    (foreign,) = (row.id for row in office.kit.rows(PasskeyRow) if row.name != "Teléfono")
    adela = office.browser("adela")
    assert adela.post(f"{HOME}/passkeys/remove", data={"passkey": foreign}).status_code == 422
    assert office.kit.count(PasskeyRow) == 2


def test_who_is_locked_out_or_lost_the_device_is_not_let_in_by_it(office: Office) -> None:
    device, adela = Device(ORIGIN), office.browser("adela")
    assert office.make(office.browser("luis"), device) == 303
    person = "/manage/admin/people/luis"
    assert "1 llaves de acceso" in adela.get(person).text

    def entered() -> int:
        browser = office.browser()
        return office.enter(browser, device.show(office.options(browser)))

    for action, status in (("lock", 422), ("unlock", 303)):
        form = {"reason": "se perdió", "action": action}
        assert adela.post(f"{person}/lock", data=form).status_code == 303
        assert entered() == status
    lost = adela.post(f"{person}/second-factor", data={"reason": "perdió el teléfono"})
    assert lost.status_code == 303
    assert office.kit.count(PasskeyRow) == 0
    assert entered() == 422


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://valet.example", "https://valet.example"),
        ("https://Valet.example:443", "https://valet.example"),
        ("https://valet.example:8443", "https://valet.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", None),
        ("https://192.0.2.7", None),
        ("http://valet.example", None),
    ],
)
def test_browsers_know_passkeys_over_tls_and_on_localhost_only(
    sqlite_url: str, tmp_path: Path, public_url: str, origin: str | None
) -> None:
    site = site_of(replace(settings(tmp_path, sqlite_url), public_url=public_url))
    assert (None if site is None else site.origin) == origin


def test_where_browsers_know_none_nothing_is_offered(office: Office) -> None:
    found = services_of(office.app)
    plain = replace(found.config, public_url="http://127.0.0.1:8080")
    office.app.extensions["valet"] = replace(found, config=plain)
    browser = office.browser()
    assert "passkey" not in browser.get("/manage/sign-in").text
    assert browser.post(f"{IN}/options").status_code == 422
    assert office.enter(browser, json.dumps({})) == 422
    assert "passkey" not in office.browser("luis").get(HOME).text
