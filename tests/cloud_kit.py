"""A cloud without its doors: the database, the settings and the key, and ways to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select

from server.config import Config
from server.database import Database
from server.district import load_district
from server.ingest import Batch, Receipt, ingest
from server.models import Table
from server.rebuild import rebuild
from tests.visit_story import KEY, settings, small_district

Row = TypeVar("Row", bound=Table)


class _Undo(Exception):
    """Ends a transaction without keeping what it did."""


@dataclass
class CloudKit:
    """What the tests of the core work with."""

    database: Database
    config: Config

    def take(self, batch: Batch, now: datetime) -> Receipt:
        """Take one batch in, as the door does after it has checked the station."""
        return self.database.write(lambda session: ingest(session, self.config, KEY, batch, now))

    def rows(self, table: type[Row]) -> list[Row]:
        """All rows of a table by their key."""
        keys = list(table.__table__.primary_key)
        return self.database.read(
            lambda session: list(session.scalars(select(table).order_by(*keys)))
        )

    def one(self, table: type[Row]) -> Row:
        """The only row of a table."""
        (row,) = self.rows(table)
        return row

    def count(self, table: type[Table]) -> int:
        """How many rows a table has."""
        return self.database.read(
            lambda session: session.scalar(select(func.count()).select_from(table)) or 0
        )

    def rebuilt(self) -> list[str]:
        """What differs when all events are folded again; nothing of it is kept."""
        found: list[str] = []

        def work(session: object) -> None:
            found[:] = rebuild(session)  # type: ignore[arg-type]
            raise _Undo

        try:
            self.database.write(work)
        except _Undo:
            return found
        raise AssertionError("unreachable")


@contextmanager
def open_cloud(data_dir: Path, url: str) -> Iterator[CloudKit]:
    """A cloud with the small district on a migrated database."""
    database = Database(url)
    try:
        database.write(lambda session: load_district(session, small_district()))
        yield CloudKit(database, settings(data_dir, url))
    finally:
        database.close()


def verdicts(receipt: Receipt) -> list[tuple[int, str, str]]:
    """Sequence, verdict and code of all that was not plainly accepted."""
    return [(word["seq"], word["verdict"], word["code"]) for word in receipt.verdicts]
