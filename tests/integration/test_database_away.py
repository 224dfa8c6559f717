"""While the database is away everybody is told so, and when to come back; nobody waits for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from schemas.signing import new_private_key, sign
from server.app import create_app
from tests.booth_process import free_port
from tests.visit_story import settings

TOKEN = "a" * 22


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """A cloud whose PostgreSQL is not there."""
    url = f"postgresql://valet@127.0.0.1:{free_port()}/valet"
    config = replace(settings(tmp_path, url), database_wait_s=0, database_connections=1)
    found = create_app(config)
    yield found
    found.extensions["valet"].database.close()


def told(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("Retry-After")


def test_a_station_is_told_to_come_back(app: Flask) -> None:
    header = {"v": 1, "journal_id": "j", "cursor": None, "boot_id": "b", "mono_ns": 1}
    body = json.dumps(header).encode()
    signed = sign(new_private_key(), "herrera-1", "POST", "/v1/sync", body, 5)
    answer = app.test_client().post("/v1/sync", data=body, headers=signed)
    assert told(answer) == (503, "5")
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "service_unavailable"


@pytest.mark.parametrize(
    ("language", "title"), [("es", "Un momento, por favor"), ("en", "One moment, please")]
)
def test_a_driver_is_told_that_the_car_is_on_record(app: Flask, language: str, title: str) -> None:
    answer = app.test_client().get(f"/t/{TOKEN}", headers={"Accept-Language": language})
    assert told(answer) == (503, "5")
    assert f"<h1>{title}</h1>" in answer.text
    form = app.test_client().post(f"/t/{TOKEN}/request", headers={"Accept-Language": language})
    assert told(form) == (503, "5")


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", "La base de datos no responde"), ("en", "The database does not answer")],
)
def test_a_manager_is_told_what_is_the_matter(app: Flask, language: str, words: str) -> None:
    client = app.test_client()
    client.set_cookie("valet", "any")
    answer = client.get("/manage/day", headers={"Accept-Language": language})
    assert told(answer) == (503, "5")
    assert words in answer.text
    assert f'<html lang="{language}">' in answer.text


def test_it_is_no_fault_of_the_program(app: Flask) -> None:
    with capture_logs() as said:
        for _ in range(3):
            app.test_client().get(f"/t/{TOKEN}")
    assert [entry["event"] for entry in said] == ["database_lost"]


def test_another_fault_stays_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import ProgrammingError

    def break_down(_token: str) -> None:
        raise ProgrammingError("SELECT", {}, Exception("no such column"))

    monkeypatch.setitem(app.view_functions, "driver.show", break_down)
    with capture_logs() as said:
        answer = app.test_client().get(f"/t/{TOKEN}")
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers
    assert "request_failed" in [entry["event"] for entry in said]
