"""A browser without a window in front of a station, for tests of its pages."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booth_ui.app import create_app
from reader_agent.station import Station


def client_of(station: Station) -> FlaskClient:
    """A browser in front of a station."""
    client = create_app(station).test_client()
    client.environ_base |= {"HTTP_ACCEPT_LANGUAGE": "es-PA", "HTTP_HOST": "127.0.0.1:8080"}
    return client


def text_of(response: TestResponse) -> str:
    """What a person reads of the page, on one line."""
    body = response.get_data(as_text=True).split("<body", 1)[-1].partition(">")[2]
    words = html.unescape(re.sub(r"<[^>]*>", " ", body))
    return re.sub(r"\s+", " ", words)


def token_of(response: TestResponse) -> str:
    """The first once-token on the page."""
    found = re.search(r'name="token" value="([^"]+)"', response.get_data(as_text=True))
    assert found is not None
    return found[1]


def submit(screen: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Open the form at `path`, then send it with its token."""
    token = token_of(screen.get(path))
    return screen.post(path, data={"token": token, **fields})
