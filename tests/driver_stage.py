"""Fixtures: a story that has begun, and the browser of a driver's phone.

A test module asks for them by
`pytest_plugins = ("tests.driver_stage",)`.

| fixture | gives |
| --- | --- |
| `story` | the test twice, on both databases: a story that has begun, its time is the cloud's |
| `app`, `driver` | the cloud on that database, and a browser that asks it |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server import clock
from server.app import create_app
from server.master_key import load_master_key
from tests.opening import Opening
from tests.visit_story import Story, settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def story(opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """A story that has begun, on each database."""
    config = settings(tmp_path / "data", opening.url)
    story = opening.go_on(config, load_master_key(config.key_file))
    monkeypatch.setattr(clock, "now", lambda: story.now)
    yield story
    story.database.close()


@pytest.fixture
def app(story: Story) -> Iterator[Flask]:
    """The cloud on the story's database."""
    app = create_app(story.config)
    yield app
    app.extensions["valet"].database.close()


@pytest.fixture
def driver(app: Flask) -> FlaskClient:
    """The browser of a driver's phone."""
    return app.test_client()
