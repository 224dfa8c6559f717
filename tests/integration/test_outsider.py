"""Eva manages another district: with all that she has there she learns nothing of this one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from schemas.district import MANAGER
from schemas.signing import new_private_key, sign
from schemas.staff_pin import PINS_PATH
from server import clock
from server.models import PersonRow
from server.permissions import is_for_everybody
from server.sessions import open_session
from tests.manager_evening import Evening, open_app, play_evening, services_of

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")

OURS = ("AB1000", "CD5678", "JK7890", "+507", "Ana Ríos", "Luis Mora", "Plaza Herrera", "H-0001")
STATION = "station-herrera"


@pytest.fixture(scope="module")
def evening(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """Our district after an evening, with drivers, staff and money."""
    folder = tmp_path_factory.mktemp("ours")
    file = shutil.copyfile(_sqlite_template, folder / "server.sqlite3")
    return play_evening(folder, f"sqlite:///{file}")


@pytest.fixture(scope="module")
def elsewhere(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Hers, where she is the manager."""
    folder = tmp_path_factory.mktemp("hers")
    file = shutil.copyfile(_sqlite_template, folder / "server.sqlite3")
    app = open_app(folder, f"sqlite:///{file}")

    def work(session: Session) -> None:
        session.add(
            PersonRow(
                id="eva", name="Eva Sanz", roles=[MANAGER], is_active=True, version=1, breaks=[]
            )
        )

    services_of(app).database.write(work)
    return app


def token_of_eva(app: Flask) -> str:
    """Her session at home."""
    found = services_of(app)
    return found.database.write(
        lambda session: open_session(session, found.config, "eva", clock.now())
    )


def test_her_session_opens_every_page_at_home_and_none_here(
    evening: Evening, elsewhere: Flask
) -> None:
    token = token_of_eva(elsewhere)
    at_home = elsewhere.test_client()
    at_home.set_cookie("valet", token)
    assert at_home.get("/manage/account").status_code == 200
    here = evening.app.test_client()
    here.set_cookie("valet", token)
    names = {"visit_id": evening.parked.id, "person_id": "ana", "place_id": "herrera"}
    told, count = [], 0
    with evening.app.test_request_context():
        adapter = evening.app.url_map.bind("localhost")
    for rule in evening.app.url_map.iter_rules():
        is_page = rule.endpoint.startswith("manager.")
        if not is_page and not rule.rule.startswith("/v1/"):
            continue
        values = {name: names.get(name, "0" * 64) for name in rule.arguments}
        path = adapter.build(rule.endpoint, values, method=next(iter(rule.methods or ())))
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            # As our own page would send it, and as a program does.
            answer = here.open(path, method=method, headers={"Sec-Fetch-Site": "same-origin"})
            is_open = is_for_everybody(evening.app.view_functions[rule.endpoint])
            is_public = is_open or rule.rule in ("/v1/openapi.json", "/v1/ledger/roots")
            is_shut = answer.status_code in (303, 400, 401, 403, 404, 422)
            leaks = [word for word in OURS if word in answer.text]
            count += 1
            if leaks or not (is_shut or is_public):
                told.append((rule.rule, method, answer.status_code, leaks))

    assert count > 100
    assert told == []


def test_her_stations_key_opens_no_door_here_under_her_name_or_ours(evening: Evening) -> None:
    key, now, client = new_private_key(), clock.now(), evening.app.test_client()
    for name, code in (("station-eva", "unknown_station"), (STATION, "bad_signature")):
        for path in ("/v1/sync", "/v1/cards/keys", PINS_PATH, "/v1/photos"):
            body = b"{}"
            signed = sign(key, name, "POST", path, body, int(now.timestamp()))
            answer = client.post(path, data=body, headers=signed, content_type="application/json")
            assert (answer.status_code, answer.get_json()["code"]) == (401, code), path
