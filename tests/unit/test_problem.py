"""Problem bodies: what is refused, and when it may be tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, ServiceUnavailable, TooManyRequests

from schemas.problems import HTTP_STATUS, Refusal
from server.api.problem import CONTENT_TYPE, http_error_as_json, refusal_as_json


@pytest.fixture(autouse=True)
def within_an_application() -> Iterator[None]:
    """JSON needs an application to be written by."""
    with Flask(__name__).app_context():
        yield


@pytest.mark.parametrize("code", sorted(HTTP_STATUS))
def test_who_is_told_to_wait_is_told_how_long(code: str) -> None:
    response, status = refusal_as_json(Refusal(code))
    assert response.mimetype == CONTENT_TYPE
    assert status == HTTP_STATUS[code]
    retry_after = response.headers.get("Retry-After")
    assert (retry_after is not None) is (status in (429, 503))
    assert retry_after is None or int(retry_after) > 0


def test_whoever_refuses_may_say_how_long() -> None:
    response, _ = refusal_as_json(Refusal("too_many_tries", retry_after_s=3600))
    assert response.headers["Retry-After"] == "3600"
    assert response.get_json()["retry_after_s"] == 3600


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TooManyRequests(), "60"),
        (TooManyRequests(retry_after=7), "7"),
        (ServiceUnavailable(), "5"),
        (MethodNotAllowed(["GET"]), None),
    ],
)
def test_an_error_of_http_says_so_too(error: HTTPException, expected: str | None) -> None:
    response, _ = http_error_as_json(error)
    assert response.headers.get("Retry-After") == expected
