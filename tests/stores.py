"""A database that is filled once, and copied for every test that wants what is in it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import postgres


@dataclass(frozen=True)
class Store:
    """A database, and a way to get copies of it that are gone after the test.

    Nobody may be connected to it while it is copied. `fresh` takes the test's folder.
    """

    url: str
    fresh: Callable[[Path], AbstractContextManager[str]]


def new_store(request: pytest.FixtureRequest, kind: str, folder: Path) -> Store:
    """A migrated database of our own, empty; `kind` is one of `tests.conftest.DATABASES`."""
    if kind == "sqlite":
        path = folder / "store.sqlite3"
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
        return _on_sqlite(path)
    cluster = request.getfixturevalue("postgres_cluster")
    template = request.getfixturevalue("_postgres_template")
    name = f"store_{uuid.uuid4().hex}"
    cluster.create(name, template=template)
    return _on_postgres(cluster, name)


def _on_sqlite(path: Path) -> Store:
    @contextmanager
    def fresh(tmp_path: Path) -> Iterator[str]:
        own = tmp_path / "own.sqlite3"
        shutil.copyfile(path, own)
        yield f"sqlite:///{own}"

    return Store(f"sqlite:///{path}", fresh)


def _on_postgres(cluster: postgres.Cluster, name: str) -> Store:
    @contextmanager
    def fresh(_tmp_path: Path) -> Iterator[str]:
        own = f"test_{uuid.uuid4().hex}"
        cluster.create(own, template=name)
        yield cluster.url(own)
        cluster.drop(own)

    return Store(cluster.url(name), fresh)
