"""Fixtures: a running cloud for phones in real Chromium.

A test module asks for them by
`pytest_plugins = ("tests.street_stage",)`.

| fixture | gives |
| --- | --- |
| `street` | the cloud on loopback, its time is the story's; the console must stay empty |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server import clock
from server.app import create_app
from server.master_key import load_master_key
from tests.chromium import Pages
from tests.driver_street import Street
from tests.opening import Opening
from tests.served_cloud import served
from tests.visit_story import settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def street(
    sqlite_opening: Opening,
    tmp_path: Path,
    chromium_pages: Pages,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Street]:
    """The cloud, the story and its phones. A stay costs something there."""
    config = replace(
        settings(tmp_path / "data", sqlite_opening.url),
        tariff_flat_cents=100,
        tariff_minute_cents=3,
        tariff_most_cents=1500,
    )
    story = sqlite_opening.go_on(config, load_master_key(config.key_file))
    monkeypatch.setattr(clock, "now", lambda: story.now)
    app = create_app(config)
    with served(app) as address:
        street = Street(story, address, chromium_pages)
        yield street
    app.extensions["valet"].database.close()
    story.database.close()
    assert street.told == [], "the console is not empty"
