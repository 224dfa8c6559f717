"""Compare and set: rows change only while they are as somebody believes, and he learns how many.

Of two who try it at once, on any database, one is told that he changed the row and the other that
he did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, CursorResult, update
from sqlalchemy.orm import DeclarativeBase, Session


def changed(
    session: Session,
    table: type[DeclarativeBase],
    where: Sequence[ColumnElement[bool]],
    values: Mapping[str, object],
) -> int:
    """How many rows were still as all of `where` says, and now have `values`.

    Rows that the session has loaded already keep what they had.
    """
    result = session.execute(
        update(table).where(*where).values(**values).execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount
