"""Fixtures: the beginning of `tests.visit_story`, played once and copied for each test.

A test module asks for them by
`pytest_plugins = ("tests.story_stage",)`.

| fixture | gives |
| --- | --- |
| `opening` | the test twice, on both databases: the district is there, its runners are at work |
| `sqlite_opening` | the same on SQLite only |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from server.database import Database
from tests.conftest import DATABASES
from tests.opening import Opening
from tests.stores import Store, new_store
from tests.visit_story import Story, settings


@dataclass(frozen=True)
class _Played:
    """A story that has begun, on a database to which nobody is connected."""

    story: Story
    store: Store


@pytest.fixture(scope="session")
def _play(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], _Played]:
    """Play the beginning on a database by its kind, the first time that it is asked for."""

    @cache
    def play(kind: str) -> _Played:
        folder = tmp_path_factory.mktemp("opening")
        store = new_store(request, kind, folder)
        database = Database(store.url)
        story = Story(database, settings(folder, store.url))
        # Closed, so that SQLite folds its write-ahead log in and PostgreSQL may copy it.
        database.close()
        return _Played(story, store)

    return play


@pytest.fixture(params=DATABASES)
def opening(
    request: pytest.FixtureRequest, _play: Callable[[str], _Played], tmp_path: Path
) -> Iterator[Opening]:
    """The beginning on a database of this test's own, once on each kind."""
    yield from _copied(_play(request.param), tmp_path)


@pytest.fixture
def sqlite_opening(_play: Callable[[str], _Played], tmp_path: Path) -> Iterator[Opening]:
    """The beginning on a SQLite file of this test's own."""
    yield from _copied(_play("sqlite"), tmp_path)


def _copied(played: _Played, folder: Path) -> Iterator[Opening]:
    with played.store.fresh(folder) as url:
        yield Opening(url, played.story)
