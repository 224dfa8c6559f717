"""Who may open which page: the table, read route by route, with people who have names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from schemas.district import (
    ADMINISTRATOR,
    AUDITOR,
    DISPATCHER,
    MANAGER,
    ROLES,
    RUNNER,
    SUPERVISOR,
)
from schemas.problems import Refusal
from server import clock
from server.models import PersonRow
from server.permissions import (
    ALLOWED,
    Permission,
    is_for_everybody,
    may,
    needed,
)
from server.sessions import open_session
from tests.manager_evening import open_app, services_of
from tests.visit_story import Story

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")

READING = ("GET", "HEAD", "OPTIONS")
# Whoever opens these need not be known.
OPEN = {
    *("manager.sign_in_form", "manager.sign_in", "manager.sign_out", "manager.choose_language"),
    *("manager.ask_code", "manager.take_code", "manager.ask_app", "manager.take_app"),
    *("manager.leave_for_city", "manager.back_from_city"),
    *("manager.sign_in_passkey", "manager.sign_in_passkey_options"),
}
# Forms that change nothing: sent only so that what was typed stays out of the address.
ASKS = {"manager.ask", "manager.ask_driver", "manager.export_driver"}
# Forms that change only what is one's own.
OWN = {
    *("manager.end_session", "manager.change_password", "manager.set_up_app"),
    *("manager.new_recovery_codes", "manager.forget_app"),
    *("manager.passkey_options", "manager.make_passkey", "manager.remove_passkey"),
}
# They prove who they are by a signature, a code, or are meant for everybody.
STATION_DOORS = {
    *("/v1/sync", "/v1/cards/keys", "/v1/pins", "/v1/photos", "/v1/photos/<sha256>/stored"),
    *("/v1/stations/enroll", "/v1/stations/key", "/v1/photos/<uuid:visit_id>/<sha256>"),
}
PUBLIC_DOORS = {"/v1/openapi.json", "/v1/ledger/roots"}
# The driver's own link is on the first, the car's plate on the second, all of it in the others.
SHOWS_ALL = {
    *("manager.slip", "manager.visit_photo"),
    *("manager.admin_drivers", "manager.ask_driver", "manager.export_driver"),
}
PEOPLE = {
    "luis": MANAGER,
    "sofia": SUPERVISOR,
    "dora": DISPATCHER,
    "adela": ADMINISTRATOR,
    "aldo": AUDITOR,
    "rosa": RUNNER,
    "nobody": None,
}
NEW = {"dora": "Dora Gil", "adela": "Adela Ruiz", "aldo": "Aldo Paz"}


@dataclass
class Office:
    """The application, and a session's token for each person; also for who may have none."""

    app: Flask
    tokens: dict[str, str]

    def lets_in(self, rule: Rule, method: str, person: str) -> bool:
        """Whether the gate opens; the page itself is not made."""
        address = _address(rule)
        cookie = {"Cookie": f"valet={self.tokens[person]}", "Sec-Fetch-Site": "same-origin"}
        with self.app.test_request_context(address, method=method, headers=cookie):
            try:
                return self.app.preprocess_request() is None
            except Refusal as refusal:
                return refusal.code not in ("not_allowed", "not_signed_in")


def _address(rule: Rule) -> str:
    parts = (text if not is_dynamic else "x" * 8 for is_dynamic, text in rule._trace)
    return "".join(parts).partition("|")[2]


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path) -> Iterator[Office]:
    """A district with somebody in each role; everybody has a session, rightly or not."""
    app = open_app(tmp_path, sqlite_url)
    found = services_of(app)
    Story(found.database, found.config)
    now = clock.now()

    def work(session: Session) -> dict[str, str]:
        session.add_all(
            PersonRow(
                id=person, name=name, roles=[PEOPLE[person]], is_active=True, version=1, breaks=[]
            )
            for person, name in NEW.items()
        )
        return {person: open_session(session, found.config, person, now) for person in PEOPLE}

    yield Office(app, found.database.write(work))
    found.database.close()


def _method(rule: Rule) -> str:
    return "GET" if "GET" in (rule.methods or set()) else "POST"


def manager_rules(app: Flask) -> list[Rule]:
    """Every address under /manage."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("manager.")]


def test_no_page_lacks_a_permission(office: Office) -> None:
    rules = manager_rules(office.app)
    unmarked = {
        rule.endpoint
        for rule in rules
        if needed(office.app.view_functions[rule.endpoint]) is None
        and not is_for_everybody(office.app.view_functions[rule.endpoint])
    }
    everybodys = {
        rule.endpoint
        for rule in rules
        if is_for_everybody(office.app.view_functions[rule.endpoint])
    }

    assert len(rules) > 40
    assert unmarked == set()
    assert everybodys == OPEN


def test_every_page_opens_to_those_whom_the_table_names_and_to_nobody_else(office: Office) -> None:
    wrong, count = [], 0
    for rule in manager_rules(office.app):
        permission = needed(office.app.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            for person, role in PEOPLE.items():
                allowed = ALLOWED.get(role or "", frozenset())
                is_read = method in READING or rule.endpoint in ASKS | OWN
                expected = permission is None or (
                    permission in allowed and (is_read or Permission.CHANGE in allowed)
                )
                count += 1
                if office.lets_in(rule, method, person) != expected:
                    wrong.append((rule.rule, method, person, expected))

    assert count > 400
    assert wrong == []


def test_the_api_reads_the_same_table(office: Office) -> None:
    rules = [
        rule
        for rule in office.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and needed(office.app.view_functions[rule.endpoint])
    ]
    wrong = [
        (rule.rule, person)
        for rule in rules
        for person, role in PEOPLE.items()
        if office.lets_in(rule, "GET", person)
        != (needed(office.app.view_functions[rule.endpoint]) in ALLOWED.get(role or "", ()))
    ]

    assert len(rules) >= 12
    assert wrong == []


def test_what_the_api_answers_without_a_person_proves_who_asks_in_another_way(
    office: Office,
) -> None:
    unmarked = {
        rule.rule
        for rule in office.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and not needed(office.app.view_functions[rule.endpoint])
    }

    assert unmarked == {*STATION_DOORS, *PUBLIC_DOORS}


def test_an_auditor_reads_all_but_changes_nothing(office: Office) -> None:
    for rule in manager_rules(office.app):
        if rule.endpoint in OPEN:
            continue
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            is_read = method in READING or rule.endpoint in ASKS | OWN
            is_read = is_read and rule.endpoint not in SHOWS_ALL
            assert office.lets_in(rule, method, "aldo") == is_read, (rule.rule, method)


def test_an_operator_has_no_administration_and_a_runner_has_no_pages(office: Office) -> None:
    rules = [rule for rule in manager_rules(office.app) if rule.endpoint not in OPEN]
    admin = [rule for rule in rules if rule.rule.startswith("/manage/admin")]

    assert len(admin) > 20
    for rule in admin:
        method = "GET" if "GET" in (rule.methods or set()) else "POST"
        assert office.lets_in(rule, method, "luis"), rule.rule
        assert not office.lets_in(rule, method, "sofia"), rule.rule
    # A dispatcher closes streets, and nothing else of it.
    closing = {rule.rule for rule in admin if office.lets_in(rule, _method(rule), "dora")}
    assert closing
    assert all("closures" in address for address in closing), closing
    for rule in rules:
        method = "GET" if "GET" in (rule.methods or set()) else "POST"
        assert not office.lets_in(rule, method, "rosa"), rule.rule
        assert not office.lets_in(rule, method, "nobody"), rule.rule


def test_who_may_not_is_told_so_and_who_is_unknown_is_led_to_the_door(office: Office) -> None:
    client = office.app.test_client()
    client.set_cookie("valet", office.tokens["aldo"])
    refused = client.post("/manage/admin/texts/ready/es", data={"text": "x", "reason": "because"})
    read = client.get("/manage/admin/texts/ready/es")
    client.set_cookie("valet", office.tokens["rosa"])
    led = client.get("/manage/admin")

    assert refused.status_code == 403
    assert "Su función no permite esto." in refused.text
    assert read.status_code == 200
    assert "<fieldset disabled>" in read.text
    assert (led.status_code, led.headers["Location"]) == (
        303,
        "/manage/sign-in?next=/manage/admin",
    )


def test_an_administrator_of_accounts_finds_no_driver(office: Office) -> None:
    of_drivers = {
        Permission.SEARCH,
        Permission.VISIT,
        Permission.PHONES,
        Permission.DECIDE,
        Permission.DRIVERS,
        Permission.REPORTS,
        Permission.EXPORT,
    }
    for rule in manager_rules(office.app):
        if needed(office.app.view_functions[rule.endpoint]) in of_drivers:
            assert not office.lets_in(rule, _method(rule), "adela"), rule.rule


def test_every_permission_is_somebodys_and_every_role_of_the_table_exists() -> None:
    assert frozenset().union(*ALLOWED.values()) == frozenset(Permission)
    assert set(ALLOWED) <= set(ROLES)
    assert ALLOWED[MANAGER] == frozenset(Permission)
    assert not may(None, Permission.TODAY)
    two_roles = PersonRow(id="x", name="X", roles=[SUPERVISOR, AUDITOR])
    assert may(two_roles, Permission.REPORTS)
    assert may(two_roles, Permission.DECIDE)
