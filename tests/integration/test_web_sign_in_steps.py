"""Two steps to the manager's pages, one's own account, and what others with the right may undo."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from schemas.district import ADMINISTRATOR, MANAGER
from schemas.staff_pin import is_pin_of
from server import clock
from server.accounts import set_password
from server.app import create_app
from server.models import (
    AccountRow,
    ChangeRow,
    PersonRow,
    RecoveryCodeRow,
    SecondFactorRow,
    SessionRow,
    SignInRow,
    StaffPinRow,
)
from server.sign_in.pins import PURPOSE
from tests.cloud_kit import CloudKit
from tests.manager_evening import services_of
from tests.visit_story import EVENING, KEY, Story, settings

PASSWORD, OTHER = "correcto-caballo", "otra-larga-clave"
HOME = "/manage/account"


TOUCHED = (SecondFactorRow, RecoveryCodeRow, SessionRow, SignInRow, ChangeRow, StaffPinRow)


@dataclass
class Opened:
    """The application, and the hashes of the passwords of those who have one."""

    app: Flask
    kit: CloudKit
    passwords: dict[str, str]


@dataclass
class Office:
    """The cloud, in which managers need a second factor, and a clock that moves when told to."""

    app: Flask
    kit: CloudKit
    now: datetime = EVENING
    secrets: dict[str, str] = field(default_factory=dict)

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    def browser(self) -> FlaskClient:
        """One that has not signed in."""
        return self.app.test_client()

    def password(self, browser: FlaskClient, person: str = "luis", said: str = PASSWORD) -> str:
        """Send name and password; where that leads."""
        form = {"person": person, "password": said, "next": HOME}
        return browser.post("/manage/sign-in", data=form).headers.get("Location", "")

    def code(self, person: str = "luis") -> str:
        """What the person's app shows; never the same one twice."""
        self.wait(seconds=31)
        return pyotp.TOTP(self.secrets[person]).at(self.now)

    def set_up(self, browser: FlaskClient, person: str = "luis") -> list[str]:
        """Set the app up on the way in; the recovery codes."""
        page = browser.get(self.password(browser, person)).text
        found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
        assert found is not None, page
        self.secrets[person] = found[1].replace(" ", "")
        shown = browser.post("/manage/sign-in/app", data={"code": self.code(person), "next": HOME})
        assert shown.status_code == 200, shown.text
        return re.findall(r"<li><code>([a-z0-9-]+)</code>", shown.text)

    def signed_in(self, person: str = "luis") -> FlaskClient:
        """A browser of somebody whose app is set up."""
        browser = self.browser()
        assert self.password(browser, person).startswith("/manage/sign-in/code")
        browser.post("/manage/sign-in/code", data={"code": self.code(person), "next": HOME})
        assert browser.get(HOME).status_code == 200
        return browser

    def tokens(self) -> set[str]:
        """What the sessions are kept by."""
        return {row.token_hash for row in self.kit.rows(SessionRow)}


@pytest.fixture(scope="module")
def opened(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The application of all tests here, and what its accounts are kept by."""
    folder = tmp_path_factory.mktemp("office")
    file = shutil.copyfile(_sqlite_template, folder / "server.sqlite3")
    config = replace(
        settings(folder, f"sqlite:///{file}"),
        second_factor_roles=frozenset({MANAGER, ADMINISTRATOR}),
        second_factor_tries_max=3,
    )
    config.key_file.parent.mkdir(parents=True, exist_ok=True)
    config.key_file.write_text(KEY.secret.hex())
    app = create_app(config)
    found = services_of(app)
    Story(found.database, found.config)
    adela = PersonRow(
        id="adela", name="Adela Ruiz", roles=[ADMINISTRATOR], is_active=True, version=1, breaks=[]
    )
    found.database.write(lambda session: session.add(adela))
    found.database.write(lambda session: set_password(session, "luis", PASSWORD))
    found.database.write(lambda session: set_password(session, "adela", PASSWORD))
    kit = CloudKit(found.database, config)
    yield Opened(app, kit, {row.person_id: row.password_hash for row in kit.rows(AccountRow)})
    found.database.close()


@pytest.fixture
def office(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Luis manages, Adela administers accounts; both have a password, and nobody an app."""

    def work(session: Session) -> None:
        for model in TOUCHED:
            session.execute(delete(model))
        for person, password_hash in opened.passwords.items():
            account = session.get(AccountRow, person)
            adela = session.get(PersonRow, "adela")
            assert account is not None
            assert adela is not None
            account.password_hash = password_hash
            account.wrong_tries, account.locked_until = 0, None
            adela.roles = [ADMINISTRATOR]

    opened.kit.database.write(work)
    office = Office(opened.app, opened.kit)
    monkeypatch.setattr(clock, "now", lambda: office.now)
    return office


def test_a_password_alone_opens_nothing_and_the_app_is_set_up_on_the_way(office: Office) -> None:
    browser = office.browser()
    led = office.password(browser)
    assert led == f"/manage/sign-in/app?next={HOME}"
    for path in (HOME, "/manage/admin/people", "/v1/visits"):
        assert browser.get(path).status_code in (303, 401), path
    page = browser.get(led)
    assert "<svg" in page.text
    wrong = browser.post("/manage/sign-in/app", data={"code": "000000", "next": HOME})
    assert wrong.status_code == 422

    assert len(office.set_up(browser)) == 10
    assert browser.get(HOME).status_code == 200


def test_every_step_gives_another_token_and_the_old_one_dies(office: Office) -> None:
    office.set_up(office.browser())
    browser, seen = office.browser(), []
    office.password(browser)
    for data in ({"code": office.code(), "next": HOME},):
        cookie = browser.get_cookie("valet")
        assert cookie is not None
        seen.append(cookie.value)
        browser.post("/manage/sign-in/code", data=data)
    cookie = browser.get_cookie("valet")
    assert cookie is not None
    assert cookie.value not in seen
    thief = office.browser()
    thief.set_cookie("valet", seen[0])
    assert thief.get(HOME).status_code == 303
    assert thief.get("/manage/sign-in/code").status_code == 303


def test_a_code_is_taken_once_and_too_many_wrong_ones_lock(office: Office) -> None:
    codes = office.set_up(office.browser())
    browser = office.browser()
    office.password(browser)
    code = office.code()
    form = {"code": code, "next": HOME}
    assert browser.post("/manage/sign-in/code", data=form).headers["Location"] == HOME

    again = office.browser()
    office.password(again)
    said = [again.post("/manage/sign-in/code", data=form).status_code for _ in range(4)]
    assert said == [422, 422, 422, 429]
    late = {"code": codes[0], "next": HOME}
    assert again.post("/manage/sign-in/code", data=late).status_code == 429
    office.wait(minutes=6)
    assert again.post("/manage/sign-in/code", data=late).headers["Location"] == HOME


def test_a_step_that_takes_too_long_begins_anew(office: Office) -> None:
    office.set_up(office.browser())
    browser = office.browser()
    office.password(browser)
    office.wait(minutes=11)

    answer = browser.post("/manage/sign-in/code", data={"code": office.code()})

    assert answer.headers["Location"] == "/manage/sign-in"


def test_a_session_ends_when_nobody_looks_but_not_while_somebody_does(office: Office) -> None:
    office.set_up(office.browser())
    looked_at, polled = office.signed_in(), office.signed_in()
    for _ in range(4):
        office.wait(minutes=50)
        assert looked_at.get(HOME).status_code == 200
        live = {"Sec-Fetch-Dest": "empty"}
        polled.get(HOME, headers=live)

    assert polled.get(HOME).status_code == 303
    office.wait(hours=9)
    assert looked_at.get(HOME).status_code == 303


def test_one_sees_ones_sessions_and_ends_another_one(office: Office) -> None:
    office.set_up(office.browser())
    one, other = office.signed_in(), office.signed_in()
    office.set_up(office.browser(), "adela")
    page = one.get(HOME).text
    names = re.findall(r'name="session" value="([0-9a-f]{16})"', page)
    assert page.count("127.0.0.0/24") >= 2
    kept = office.tokens()
    adelas = [row for row in office.kit.rows(SessionRow) if row.person_id == "adela"]
    foreign = adelas[0].token_hash[:16]

    one.post("/manage/account/sessions", data={"session": foreign})
    assert office.tokens() == kept
    for name in names:
        one.post("/manage/account/sessions", data={"session": name})

    assert one.get(HOME).status_code == 200
    assert other.get(HOME).status_code == 303


def test_a_new_password_needs_the_old_one_and_signs_out_all_others(office: Office) -> None:
    office.set_up(office.browser())
    one, other = office.signed_in(), office.signed_in()
    forms = [
        ({"present": OTHER, "new": OTHER}, 422),
        ({"present": PASSWORD, "new": "short"}, 422),
        ({"present": PASSWORD, "new": OTHER}, 303),
    ]
    before = one.get_cookie("valet")

    for form, status in forms:
        assert one.post("/manage/account/password", data=form).status_code == status, form

    after = one.get_cookie("valet")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert one.get(HOME).status_code == 200
    assert other.get(HOME).status_code == 303
    assert office.password(office.browser()) == ""
    assert office.password(office.browser(), said=OTHER).startswith("/manage/sign-in/code")
    (change,) = office.kit.rows(ChangeRow)
    assert (change.person_id, change.action) == ("luis", "password")


def test_other_roles_sign_somebody_out_and_nobody_gives_themselves_any(office: Office) -> None:
    office.set_up(office.browser())
    office.set_up(office.browser(), "adela")
    luis, adela = office.signed_in(), office.signed_in("adela")
    page = adela.get("/manage/admin/people/adela").text
    edition = re.search(r'name="edition" value="([0-9a-f]+)"', page)
    assert edition is not None
    own = {"name": "Adela Ruiz", "roles": [ADMINISTRATOR, MANAGER], "edition": edition[1]}
    own |= {"reason": "I would like to", "may_drive": "yes", "licensed": "all"}
    assert adela.post("/manage/admin/people/adela", data=own).status_code == 409
    edition = re.search(
        r'name="edition" value="([0-9a-f]+)"', luis.get("/manage/admin/people/adela").text
    )
    assert edition is not None
    given = own | {"edition": edition[1], "reason": "stands in for me"}
    assert luis.post("/manage/admin/people/adela", data=given).status_code == 303

    assert adela.get(HOME).status_code == 303
    assert luis.get(HOME).status_code == 200


def test_who_lost_the_phone_is_helped_by_another_who_has_a_reason(office: Office) -> None:
    office.set_up(office.browser())
    office.set_up(office.browser(), "adela")
    luis, adela = office.signed_in(), office.signed_in("adela")
    path = "/manage/admin/people/luis/second-factor"
    assert luis.post(path, data={"reason": "to be quick"}).status_code == 409
    assert adela.post(path, data={"reason": ""}).status_code == 422
    assert adela.post(path, data={"reason": "phone stolen"}).status_code == 303

    assert luis.get(HOME).status_code == 303
    assert office.password(office.browser()).startswith("/manage/sign-in/app")
    change = office.kit.rows(ChangeRow)[-1]
    assert (change.action, change.person_id, change.subject_id, change.reason) == (
        *("second_factor", "adela", "luis"),
        "phone stolen",
    )


def test_a_pin_to_begin_with_is_shown_once_and_a_lock_shuts_every_door(office: Office) -> None:
    office.set_up(office.browser(), "adela")
    adela = office.signed_in("adela")
    given = adela.post("/manage/admin/people/ana/pin", data={"reason": "first day"})
    found = re.search(r'<p class="station-code"><code>(\d{6})</code>', given.text)
    assert found is not None
    row = next(row for row in office.kit.rows(StaffPinRow) if row.person_id == "ana")
    assert row.sealed is not None
    assert row.is_temporary
    key = services_of(office.app).key
    verifier = key.unseal(PURPOSE, "ana", row.sealed).decode()
    assert is_pin_of(verifier, found[1])
    assert found[1] not in adela.get("/manage/admin/people/ana").text
    # Adela has no work at a station.
    path = "/manage/admin/people/adela/pin"
    assert adela.post(path, data={"reason": "me too"}).status_code == 403

    office.wait(seconds=1)
    lock = {"reason": "left", "action": "lock"}
    assert adela.post("/manage/admin/people/adela/lock", data=lock).status_code == 409
    assert adela.post("/manage/admin/people/luis/lock", data=lock).status_code == 303
    assert office.password(office.browser()) == ""
    office.wait(seconds=1)
    undo = {"reason": "came back", "action": "unlock"}
    adela.post("/manage/admin/people/luis/lock", data=undo)
    assert office.password(office.browser()).startswith("/manage/sign-in/app")
    actions = [row.action for row in office.kit.rows(ChangeRow)]
    assert actions == ["pin", "locked", "unlocked"]


def test_who_signed_in_is_known_for_a_while_and_nothing_that_was_typed_as_a_name(
    office: Office,
) -> None:
    office.set_up(office.browser())
    office.password(office.browser(), said="wrong-password")
    office.password(office.browser(), "correcto-caballo-mio")
    page = office.signed_in().get(HOME).text

    assert "contraseña y aplicación" in page
    assert "rechazada" in page
    rows = office.kit.database.read(lambda session: session.scalars(select(SignInRow)).all())
    assert {row.person_id for row in rows} == {"luis"}
    office.wait(days=91)
    office.signed_in()
    assert len(office.kit.rows(SignInRow)) == 1
