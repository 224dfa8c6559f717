"""What is only noted does not wait for the disk; what is written does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.database import Database
from server.district import current_version, next_version
from tests.cloud_kit import CloudKit, open_cloud

ASKED = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
WAITS = {"sqlite": 2, "postgresql": "on"}
DOES_NOT_WAIT = {"sqlite": 1, "postgresql": "off"}


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


def durability(session: Session) -> object:
    """How this transaction will be committed, as the database says it."""
    return session.scalar(text(ASKED[session.get_bind().dialect.name]))


def test_only_a_note_does_not_wait_for_the_disk(cloud: CloudKit) -> None:
    kind, database = cloud.database.engine.dialect.name, cloud.database
    for _ in range(2):
        assert database.note(durability) == DOES_NOT_WAIT[kind]
        assert database.write(durability) == WAITS[kind]
        database.read(durability)


def test_every_process_sees_a_note_at_once(cloud: CloudKit) -> None:
    other = Database(cloud.config.database_url)
    try:
        version = cloud.database.note(next_version)
        assert other.read(current_version) == version
    finally:
        other.close()


def test_a_note_that_fails_leaves_nothing(cloud: CloudKit) -> None:
    before = cloud.database.read(current_version)

    def work(session: Session) -> None:
        next_version(session)
        raise LookupError

    with pytest.raises(LookupError):
        cloud.database.note(work)
    assert cloud.database.read(current_version) == before
