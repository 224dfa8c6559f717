"""An auditor reads everything, and nowhere finds a phone number or a whole plate."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from schemas.district import AUDITOR
from server.models import PersonRow
from server.permissions import Permission, is_for_everybody, needed
from server.sessions import open_session
from tests.manager_evening import DATE, Evening, services_of

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")

pytest_plugins = ("tests.manager_stage",)
# As the evening has them.
PLATES = re.compile(r"AB1000|AB1009|CD5678|EF9012|GH3456|JK7890")
PHONES = re.compile(r"\+?507[ -]?6|6\d{3}-\d{4}")
# Live answers of their own kind, and addresses that only lead on.
NO_PAGES = {"manager.live", "manager.today", "manager.no_station_code", "manager.nowhere"}


@pytest.fixture
def auditor(evening: Evening) -> FlaskClient:
    """The auditor's browser."""
    found = services_of(evening.app)

    def work(session: Session) -> str:
        session.add(
            PersonRow(
                id="aldo", name="Aldo Paz", roles=[AUDITOR], is_active=True, version=1, breaks=[]
            )
        )
        session.flush()
        return open_session(session, found.config, "aldo", evening.now)

    client = evening.app.test_client()
    client.set_cookie("valet", found.database.write(work))
    return client


def addresses(evening: Evening) -> list[str]:
    """Every page that an auditor may open, with what the evening has to fill it."""
    app = evening.app
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        is_page = rule.endpoint.startswith("manager.") and "GET" in (rule.methods or set())
        permission = needed(view)
        if not is_page or is_for_everybody(view) or rule.endpoint in NO_PAGES:
            continue
        if permission in (None, Permission.PHONES, Permission.DECIDE, Permission.DRIVERS):
            continue
        known = {
            "visit_id": evening.parked.id,
            "place_id": "herrera",
            "person_id": "ana",
            "template": "ready",
            "language": "es",
            "name": "waits",
        }
        if rule.arguments <= known.keys():
            values: Any = {name: known[name] for name in rule.arguments}
            with app.test_request_context():
                found.append(app.url_for(rule.endpoint, **values))
    return found


def forms_to_change(evening: Evening, page: str) -> list[str]:
    """The forms of a page that an auditor could only be refused for sending. Those that are shown
    for reading cannot be sent."""
    adapter = evening.app.url_map.bind("localhost")
    found = []
    for form in re.findall(r"<form\b.*?</form>", page, re.DOTALL):
        address = re.search(r'method="post" action="([^"?]*)', form)
        if address is None or "<fieldset disabled>" in form:
            continue
        endpoint, _ = adapter.match(address[1], method="POST")
        view = evening.app.view_functions[endpoint]
        is_own = needed(view) is Permission.OWN
        if not is_for_everybody(view) and not is_own and endpoint != "manager.ask":
            found.append(address[1])
    return found


def test_no_page_shows_an_auditor_a_phone_a_whole_plate_or_a_form_that_changes_something(
    evening: Evening, auditor: FlaskClient, client: FlaskClient
) -> None:
    told: dict[str, list[str]] = {}
    opened = addresses(evening)
    for path in (*opened, f"/manage/day?date={DATE}", f"/manage/day.csv?date={DATE}"):
        answer = auditor.get(path)
        # Some need more in their address; what they say then is looked through as well.
        assert answer.status_code in (200, 303, 404, 422), (path, answer.status_code)
        text = answer.get_data().decode("utf-8", "replace")
        seen = PLATES.findall(text) + PHONES.findall(text) + forms_to_change(evening, text)
        if seen:
            told[path] = seen

    assert len(opened) > 20
    assert told == {}
    # They are there, for whoever may see them.
    assert PLATES.search(client.get(f"/manage/day.csv?date={DATE}").text)
    for path in ("/manage/tags", "/manage/stations", "/manage/day", "/manage/admin/places/herrera"):
        assert forms_to_change(evening, client.get(path).text), path
