"""Bringing what is sealed to the newest data key, in batches, while everybody goes on working.

1. Nothing is done before the newest key seals in every process (`data_keys.is_in_force`).
2. A batch is read, sealed anew, and written by compare-and-set: who erases or changes a value
   meanwhile wins.
3. Once nothing stands under an older key, that one may be dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, LargeBinary, RowMapping, func, select, update
from sqlalchemy.orm import Session

from server import clock
from server.bulk import table_of
from server.database import Database
from server.keys.data_keys import is_in_force, newest_row
from server.master_key import (
    SEAL_PREFIX_BYTES,
    KeyFileError,
    MasterKey,
    key_id_of,
    seal_prefix,
)
from server.models import (
    DataKeyRow,
    DriverNoteRow,
    GuestRow,
    OtherGuestRow,
    ReportScheduleRow,
    SecondFactorRow,
    StaffPinRow,
    Table,
)

log = structlog.get_logger()

MASTER = "master"
"""Stands for the master key itself, which sealed before there was any data key."""
_REST_S = 60


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that holds sealed values; `ref`: the column that each is bound to."""

    model: type[Table]
    column: str
    purpose: str
    ref: str


SEALED = (
    SealedColumn(GuestRow, "sealed", "guest", "ref"),
    SealedColumn(OtherGuestRow, "sealed", "guest", "ref"),
    SealedColumn(DriverNoteRow, "sealed", "driver-note", "event_id"),
    SealedColumn(ReportScheduleRow, "recipients", "report-recipients", "id"),
    SealedColumn(StaffPinRow, "sealed", "staff-pin", "person_id"),
    SealedColumn(SecondFactorRow, "sealed", "second-factor", "person_id"),
)


@dataclass(slots=True)
class Resealing:
    """The worker's rounds: a batch each while there is something, then a rest."""

    database: Database
    key: MasterKey
    batch: int
    mono_ns: Callable[[], int] = clock.mono_ns
    _next_ns: int | None = field(default=None)

    def once(self, now: datetime) -> int:
        """One round; how many values were sealed anew."""
        if self._next_ns is not None and self.mono_ns() < self._next_ns:
            return 0
        done = reseal(self.database, self.key, self.batch, now)
        if done == 0:
            self._next_ns = self.mono_ns() + _REST_S * 10**9
        return done


def reseal(database: Database, key: MasterKey, batch: int, now: datetime) -> int:
    """Seal up to `batch` values of each column anew; how many. 0 if all stand under the newest
    key, or if it is not in force yet."""
    newest = database.read(newest_row)
    if newest is None or not is_in_force(newest, now):
        return 0
    prefix = seal_prefix(newest.id)
    done = sum(_bring(database, key, sealed, prefix, batch) for sealed in SEALED)
    if done:
        log.info("sealed_anew", values=done)
    return done


def _bring(
    database: Database, key: MasterKey, sealed: SealedColumn, prefix: bytes, batch: int
) -> int:
    rows = database.read(lambda session: _older(session, sealed, prefix, batch))
    anew = [(row, _anew(key, sealed, row)) for row in rows]
    return database.write(lambda session: _put(session, sealed, anew)) if anew else 0


def standing(session: Session) -> Counter[str]:
    """How many sealed values stand under each data key, by its id, or under `MASTER`."""
    found: Counter[str] = Counter()
    known = set(session.scalars(select(DataKeyRow.id)))
    for sealed in SEALED:
        column = _column(sealed)
        prefix = _prefix_of(column)
        counted = select(prefix, func.count()).where(column.is_not(None)).group_by(prefix)
        for beginning, count in session.execute(counted):
            key_id = key_id_of(bytes(beginning))
            found[key_id if key_id in known else MASTER] += count
    return found


def drop(session: Session, key_id: str) -> None:
    """Take a data key away. Raises `KeyFileError` for an unknown one, for the newest one and for
    one under which something stands."""
    row = session.get(DataKeyRow, key_id)
    if row is None:
        raise KeyFileError(f"{key_id}: there is no such data key")
    newest = newest_row(session)
    if row is newest or standing(session)[key_id]:
        raise KeyFileError(f"{key_id}: is still in use")
    session.delete(row)


def _older(
    session: Session, sealed: SealedColumn, prefix: bytes, limit: int
) -> Sequence[RowMapping]:
    column = _column(sealed)
    columns = [*table_of(sealed.model).primary_key, table_of(sealed.model).c[sealed.ref], column]
    older = select(*dict.fromkeys(columns)).where(column.is_not(None), _prefix_of(column) != prefix)
    return session.execute(older.limit(limit)).mappings().all()


def _anew(key: MasterKey, sealed: SealedColumn, row: RowMapping) -> bytes:
    ref = row[sealed.ref]
    return key.seal(sealed.purpose, ref, key.unseal(sealed.purpose, ref, row[sealed.column]))


def _put(session: Session, sealed: SealedColumn, values: Sequence[tuple[RowMapping, bytes]]) -> int:
    table, column, done = table_of(sealed.model), _column(sealed), 0
    for row, value in values:
        same = [part == row[part.name] for part in (*table.primary_key, column)]
        written = session.connection().execute(
            update(table).where(*same).values({sealed.column: value}),
            execution_options={"preserve_rowcount": True},
        )
        done += written.rowcount
    return done


def _column(sealed: SealedColumn) -> ColumnElement[Any]:
    return table_of(sealed.model).c[sealed.column]


def _prefix_of(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    return func.substr(column, 1, SEAL_PREFIX_BYTES, type_=LargeBinary())
