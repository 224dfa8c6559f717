"""Fixtures: the evening of `tests.manager_evening`, played once a process and copied for each test.

A test module asks for them by
`pytest_plugins = ("tests.manager_stage",)`.

| fixture | gives |
| --- | --- |
| `evening` | the test twice, on both databases, with the cloud's clock at the evening's end |
| `client` | a browser of the manager, signed in, in English |
| `module_database_url` | an empty database that the tests of a module share |
| `shown`, `looking` | the same, shared by the module: for tests that change nothing |
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.conftest import DATABASES
from tests.manager_evening import Evening, open_app, play_evening, services_of, signed_in
from tests.stores import new_store


@dataclass(frozen=True)
class Played:
    """An evening that is over, and a way to get fresh copies of its database by URL."""

    evening: Evening
    ended_at: datetime
    fresh: Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(scope="module", params=DATABASES)
def _kind(request: pytest.FixtureRequest) -> str:
    """Run the module's tests on both databases."""
    return str(request.param)


@pytest.fixture(scope="module")
def module_database_url(
    request: pytest.FixtureRequest, _kind: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of a migrated, empty database that all tests of the module share."""
    return new_store(request, _kind, tmp_path_factory.mktemp("module")).url


@pytest.fixture(scope="session")
def _evenings() -> dict[str, Played]:
    """What was played by this process so far: an evening costs seconds, a copy nearly nothing."""
    return {}


@pytest.fixture(scope="module")
def _played(
    request: pytest.FixtureRequest,
    _kind: str,
    _evenings: dict[str, Played],
    tmp_path_factory: pytest.TempPathFactory,
) -> Played:
    if _kind not in _evenings:
        folder = tmp_path_factory.mktemp("evening")
        store = new_store(request, _kind, folder)
        evening = play_evening(folder, store.url)
        # Closed, so that SQLite folds its write-ahead log in and PostgreSQL may copy it.
        evening.database.close()
        _evenings[_kind] = Played(evening, evening.now, store.fresh)
    return _evenings[_kind]


@pytest.fixture(scope="module")
def _shown(
    _played: Played, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Evening, FlaskClient]]:
    folder = tmp_path_factory.mktemp("shown")
    with _played.fresh(folder) as url, pytest.MonkeyPatch.context() as patch:
        evening = _moved(_played, folder, url)
        patch.setattr("server.clock.now", lambda: _played.ended_at)
        yield evening, signed_in(evening, "en")
        evening.database.close()


@pytest.fixture
def evening(_played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evening]:
    """The evening on a database of this test's own."""
    with _played.fresh(tmp_path) as url:
        evening = _moved(_played, tmp_path, url)
        monkeypatch.setattr("server.clock.now", lambda: evening.now)
        yield evening
        evening.database.close()


@pytest.fixture
def client(evening: Evening) -> FlaskClient:
    """A browser of the manager on this test's own evening, in English."""
    return signed_in(evening, "en")


@pytest.fixture
def shown(
    _shown: tuple[Evening, FlaskClient], _played: Played, monkeypatch: pytest.MonkeyPatch
) -> Evening:
    """The evening that the module's tests share: they may look, but change nothing."""
    monkeypatch.setattr("server.clock.now", lambda: _played.ended_at)
    return _shown[0]


@pytest.fixture
def looking(shown: Evening, _shown: tuple[Evening, FlaskClient]) -> FlaskClient:
    """The manager's browser on the shared evening, in English."""
    return _shown[1]


def _moved(played: Played, folder: Path, url: str) -> Evening:
    """The same evening on a copy of its database: nothing of the original is shared."""
    app = open_app(folder, url)
    original = played.evening
    story = copy.copy(original.story)
    story.now, story.config = played.ended_at, services_of(app).config
    story.database = services_of(app).database
    story.journals = {
        place_id: replace(journal, lines=[], guests=[])
        for place_id, journal in original.story.journals.items()
    }
    story.visits = [replace(visit, story=story) for visit in original.story.visits]
    by_id = {visit.id: visit for visit in story.visits}
    return Evening(
        app,
        story,
        whole=[by_id[visit.id] for visit in original.whole],
        parked=by_id[original.parked.id],
        late=by_id[original.late.id],
        held=by_id[original.held.id],
        twins=(by_id[original.twins[0].id], by_id[original.twins[1].id]),
    )
