"""What a database holds, counted in one consistent view of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, column, func, inspect, select, table
from sqlalchemy.orm import Session

from server import guests
from server.backup.fault import BackupError
from server.district import current_version
from server.master_key import MasterKey
from server.models import DayRootRow, GuestRow

_ALEMBIC = "alembic_version"


@dataclass(frozen=True, slots=True)
class Inventory:
    """See `server.backup.manifest.Manifest`."""

    schema_revision: str
    district_version: int
    last_day: Mapping[str, Any] | None
    counts: Mapping[str, int]


def take_inventory(connection: Connection) -> Inventory:
    """Count everything. Raises `BackupError` where there are no tables yet."""
    names = set(inspect(connection).get_table_names())
    if _ALEMBIC not in names:
        raise BackupError(
            "no_tables", "the database has no tables yet: there is nothing to back up"
        )
    session = Session(bind=connection)
    revision = session.scalar(select(column("version_num")).select_from(table(_ALEMBIC)))
    day = (
        session.execute(
            select(DayRootRow.date, DayRootRow.count, DayRootRow.root).order_by(
                DayRootRow.date.desc()
            )
        )
        .mappings()
        .first()
    )
    return Inventory(
        schema_revision=str(revision),
        district_version=current_version(session),
        last_day=None if day is None else dict(day),
        counts=count_rows(connection),
    )


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    names = sorted(set(inspect(connection).get_table_names()) - {_ALEMBIC})
    return {
        name: connection.scalar(select(func.count()).select_from(table(name))) or 0
        for name in names
    }


def open_one(session: Session, key: MasterKey) -> None:
    """Open one sealed record. Raises `KeyFileError` if the master key is not this database's."""
    row = session.scalar(select(GuestRow).where(GuestRow.sealed.is_not(None)).limit(1))
    if row is not None:
        guests.unseal(key, row)
