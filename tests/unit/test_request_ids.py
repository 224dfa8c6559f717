"""The id of a request: taken over from who asks, or made up, and said wherever the request is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from flask import Flask
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from schemas.problems import Refusal
from schemas.request_ids import REQUEST_ID_HEADER, checked_request_id, new_request_id
from server.api.problem import http_error_as_json, refusal_as_json
from server.logs import configure_logs
from server.request_ids import name_requests, request_id
from server.worker import _Rounds

GOOD = "0f2c9a7b-5d31-4e08-9f6a-1b2c3d4e5f60"
log = structlog.get_logger()


@pytest.fixture
def app() -> Flask:
    """An application that says something to its log, and refuses."""
    app = Flask(__name__)
    name_requests(app)
    app.register_error_handler(Refusal, refusal_as_json)
    app.register_error_handler(404, http_error_as_json)

    @app.get("/said")
    def said() -> str:
        log.info("said")
        log.info("said_again")
        return str(request_id())

    @app.get("/refused")
    def refused() -> str:
        raise Refusal("wrong_state")

    return app


@contextmanager
def real_logs() -> Iterator[None]:
    """Log as the cloud does."""
    before = structlog.get_config()
    configure_logs()
    try:
        yield
    finally:
        structlog.configure(**before)


def test_a_new_id_is_like_no_other_and_passes_its_own_check() -> None:
    ids = {new_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(checked_request_id(each) == each for each in ids)


@pytest.mark.parametrize("said", [GOOD, "a" * 16, "F" * 64, GOOD.replace("-", "")])
def test_a_good_id_is_taken_over(said: str) -> None:
    assert checked_request_id(said) == said


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "a" * 15,
        "a" * 65,
        "+50761234567",
        "50761234567",
        "g" * 32,
        f"{GOOD}\n",
        f"{GOOD} x",
        "٣" * 20,
        '{"a":"0000000000000000"}',
    ],
)
def test_anything_else_is_replaced(said: str | None) -> None:
    found = checked_request_id(said)
    assert found != said
    assert re.fullmatch(r"[0-9a-f]{32}", found)


def test_every_line_of_a_request_and_its_answer_have_the_id(app: Flask) -> None:
    with capture_logs(processors=[merge_contextvars]) as logged:
        answer = app.test_client().get("/said", headers={REQUEST_ID_HEADER: GOOD})
    assert answer.headers[REQUEST_ID_HEADER] == GOOD == answer.text
    assert [entry["request_id"] for entry in logged] == [GOOD, GOOD]


def test_nothing_of_it_is_left_for_the_next_one(app: Flask) -> None:
    client = app.test_client()
    first = client.get("/said", headers={REQUEST_ID_HEADER: GOOD})
    assert get_contextvars() == {}
    structlog.contextvars.bind_contextvars(stale="yes")
    with capture_logs(processors=[merge_contextvars]) as logged:
        second = client.get("/said")
    assert second.headers[REQUEST_ID_HEADER] not in ("", first.headers[REQUEST_ID_HEADER])
    assert "stale" not in logged[0]
    assert request_id() is None


@pytest.mark.parametrize("path", ["/refused", "/nowhere"])
def test_a_problem_carries_it(app: Flask, path: str) -> None:
    answer = app.test_client().get(path, headers={REQUEST_ID_HEADER: GOOD})
    assert answer.status_code >= 400
    assert answer.get_json()["request_id"] == GOOD == answer.headers[REQUEST_ID_HEADER]


def test_an_id_that_cannot_be_used_is_not_repeated(app: Flask) -> None:
    answer = app.test_client().get("/refused", headers={REQUEST_ID_HEADER: "<script>" * 4})
    assert "<script>" not in answer.text + str(answer.headers)


def test_the_cloud_s_own_log_lines_have_it(app: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    with real_logs():
        app.test_client().get("/said", headers={REQUEST_ID_HEADER: GOOD})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("said", GOOD),
        ("said_again", GOOD),
    ]


def test_every_line_of_a_round_of_the_worker_has_its_name_and_an_id_of_its_own() -> None:
    rounds = _Rounds("sending", lambda: structlog.get_logger().info("said"))
    with capture_logs(processors=[merge_contextvars]) as logged:
        rounds.once()
        rounds.once()
    assert [entry["work"] for entry in logged] == ["sending", "sending"]
    first, second = (checked_request_id(entry["request_id"]) for entry in logged)
    assert first != second
    assert [entry["request_id"] for entry in logged] == [first, second]
    assert get_contextvars() == {}


def test_a_round_that_fails_is_said_once_with_its_id() -> None:
    rounds = _Rounds("reports", lambda: 1 // 0)
    with capture_logs(processors=[merge_contextvars]) as logged:
        rounds.once()
        rounds.once()
    assert [(entry["event"], entry["work"]) for entry in logged] == [("work_failing", "reports")]
    assert checked_request_id(logged[0]["request_id"]) == logged[0]["request_id"]
