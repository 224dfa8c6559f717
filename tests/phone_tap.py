"""A phone that a claim card is held to."""

from __future__ import annotations

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.driver_phone import headline

AGAIN = "Acerque la tarjeta otra vez"


def query(url: str) -> str:
    """What a link says, without the address before it."""
    return url.partition("?")[2]


def tap(phone: FlaskClient, url: str, **headers: str) -> TestResponse:
    """What the page of a tapped card sends, by itself or by its button."""
    return phone.post("/t/tap", data={"said": query(url)}, headers=headers)


def refused(answer: TestResponse) -> bool:
    """Whether it is the one answer to every tap that opens nothing."""
    return answer.status_code == 410 and headline(answer) == AGAIN
