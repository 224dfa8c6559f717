"""Fixtures: an office on a story that has begun.

A test module asks for them by
`pytest_plugins = ("tests.sms_stage",)`.

| fixture | gives |
| --- | --- |
| `office` | the test twice, on both databases: a story with a worker at its outbox |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.opening import Opening
from tests.sms_office import Office
from tests.visit_story import settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def office(opening: Opening, tmp_path: Path) -> Iterator[Office]:
    """A story with a worker at its outbox, on each database."""
    config = replace(settings(tmp_path, opening.url), public_url="https://v.example.pa")
    office = Office(opening.go_on(config))
    yield office
    office.database.close()
