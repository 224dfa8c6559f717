"""A booth and a lot with their touchscreens, for the tests of the pages.

| fixture | gives |
| --- | --- |
| `evening` | two real stations that know the district; nobody is signed in |
| `screen`, `lot_screen` | a client of the booth's and of the lot's touchscreen |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.booth_client import client_of
from tests.booth_evening import Evening


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    """Two stations that know the district; nobody is signed in."""
    evening = Evening(tmp_path)
    yield evening
    evening.close()


@pytest.fixture
def screen(evening: Evening) -> FlaskClient:
    """The booth's touchscreen."""
    return client_of(evening.booth)


@pytest.fixture
def lot_screen(evening: Evening) -> FlaskClient:
    """The lot's touchscreen."""
    return client_of(evening.lot)
