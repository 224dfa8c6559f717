"""Fixture: a story whose key is that of its data folder, as the commands and the pages need it.

A test module asks for it by
`pytest_plugins = ("tests.ledger_stage",)`.

| fixture | gives |
| --- | --- |
| `story` | the test twice, on both databases: a story that has begun |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.master_key import load_master_key
from tests.opening import Opening
from tests.visit_story import Story, settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def story(opening: Opening, tmp_path: Path) -> Iterator[Story]:
    """A story that has begun, on each database."""
    config = settings(tmp_path, opening.url)
    story = opening.go_on(config, load_master_key(config.key_file))
    yield story
    story.database.close()
