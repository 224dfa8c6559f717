"""Rows that are written many at once are the rows that objects would have become."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from server import bulk
from server.bulk import table_of
from server.models import EventRow, PersonRow, VisitRow
from tests.cloud_kit import CloudKit, open_cloud
from tests.visit_story import steady_uuid

# What PostgreSQL's COPY is written with is reached on no other database.
pytestmark = pytest.mark.measured

AT = datetime(2030, 1, 1, 20, 0, 30, 5, tzinfo=UTC)
TIMES = (
    AT,
    AT.replace(microsecond=0),
    AT.astimezone(timezone(timedelta(hours=-5))),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


def visit(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """The columns of a visit that is over."""
    return {
        "id": steady_uuid("bulk", str(number)),
        "code": "H-0001",
        "state": "handed_over",
        "car": "handed_over",
        "is_open": False,
        "tag_shared": False,
        "booth_id": "herrera",
        "place_id": "herrera",
        "destination_id": None,
        "stall": 'tab\t, line\n, quote " and \\N',
        "key_tag": f"em4100:{number}",
        "claim_tag": None,
        "key_holder_kind": "guest",
        "key_holder_id": None,
        "guest_ref": "ñ",
        "guest_digest": "0" * 64,
        "language": "es",
        "step": number,
        "conflicts": [["ü", "reason"]],
        "received_by": "ana",
        "received_at": at,
        "parked_at": None,
        "ready_at": at,
        "handed_over_at": at,
        "handed_over_by": "ana",
        "proof": None,
        "version": 1,
        **changes,
    }


def append(cloud: CloudKit, rows: list[dict[str, Any]]) -> None:
    """Write visits in a transaction of their own."""
    cloud.database.write(
        lambda session: bulk.append(session.connection(), table_of(VisitRow), rows)
    )


@pytest.mark.parametrize("count", [1, 40])
def test_they_are_read_as_they_were_written(cloud: CloudKit, count: int) -> None:
    rows = [visit(number, TIMES[number % len(TIMES)]) for number in range(count)]
    append(cloud, rows)
    found = {row.id: row for row in cloud.rows(VisitRow)}
    assert len(found) == count
    for row in rows:
        assert {name: getattr(found[row["id"]], name) for name in row} == row


@pytest.mark.parametrize("count", [2, 40])
def test_a_rule_of_the_database_is_broken_in_the_same_words(cloud: CloudKit, count: int) -> None:
    rows = [visit(number, AT) for number in range(count)]
    with pytest.raises(IntegrityError):
        append(cloud, [*rows, rows[0]])
    assert cloud.count(VisitRow) == 0


@pytest.mark.parametrize("count", [1, 40])
def test_a_naive_time_is_refused(cloud: CloudKit, count: int) -> None:
    rows = [visit(number, AT.replace(tzinfo=None)) for number in range(count)]
    with pytest.raises((ValueError, StatementError, AssertionError)):
        append(cloud, rows)


def test_no_rows_are_no_statement(cloud: CloudKit) -> None:
    append(cloud, [])
    assert cloud.count(VisitRow) == cloud.count(EventRow) == 0
    assert cloud.count(PersonRow) > 0
