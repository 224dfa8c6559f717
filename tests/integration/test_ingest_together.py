"""Batches of several stations in one transaction end as if one had come after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from server.ingest import Batch, Delivery, Receipt, ingest_together
from server.lines import read_lines
from server.models import EventRow, GuestRow, MessageRow, OtherGuestRow, QuarantineRow, VisitRow
from tests.cloud_kit import CloudKit, open_cloud, verdicts
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import KEY

NOW = minutes_later(5)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


def take(cloud: CloudKit, *batches: Batch, trusts_ids: bool = False) -> list[Receipt]:
    """Take batches in together."""
    came = [Delivery(batch, read_lines(batch.lines, batch.first_seq), NOW) for batch in batches]
    return cloud.database.write(
        lambda session: ingest_together(session, cloud.config, KEY, came, trusts_ids=trusts_ids),
        in_turn=True,
    )


def test_one_visit_that_three_stations_tell_of_is_whole_at_once(cloud: CloudKit) -> None:
    herrera, lot, bolivar = (StationLines(name) for name in ("herrera", "lote-norte", "bolivar"))
    told = [
        lot.batch([lot.parked(1, 3)]),
        herrera.batch([herrera.received(1), herrera.taken(1, 2, "park", "lote-norte")]),
        bolivar.batch([bolivar.requested(1, 4)]),
    ]
    receipts = take(cloud, *told)
    assert [(receipt.ack_seq, receipt.verdicts, receipt.gap) for receipt in receipts] == [
        (1, [], None),
        (2, [], None),
        (1, [], None),
    ]
    assert cloud.one(VisitRow).state == "requested"
    assert [cloud.count(table) for table in (EventRow, GuestRow, MessageRow)] == [4, 1, 1]
    assert cloud.rebuilt() == []
    assert len({row.position for row in cloud.rows(EventRow)}) == 1


def test_each_batch_has_its_own_verdicts_gap_and_duplicates(cloud: CloudKit) -> None:
    herrera, lot, bolivar = (StationLines(name) for name in ("herrera", "lote-norte", "bolivar"))
    known, late, odd = herrera.lines(2), lot.lines(3), bolivar.lines(2)
    take(cloud, herrera.batch(known))
    odd[0] = odd[0].replace(b'"wall_synced":true', b'"wall_synced":trUe')
    again, gap, bad = take(
        cloud,
        herrera.batch([*known, herrera.line()]),
        lot.batch(late[1:], first_seq=2),
        bolivar.batch(odd),
    )
    assert (again.ack_seq, [word[1] for word in verdicts(again)]) == (3, ["duplicate"] * 2)
    assert (gap.ack_seq, gap.gap) == (0, {"expected_seq": 1, "got_seq": 2})
    assert (bad.ack_seq, verdicts(bad)) == (2, [(1, "refused", "bad_hash")])
    assert cloud.count(QuarantineRow) == 1


def test_an_id_that_another_of_them_has_is_refused(cloud: CloudKit) -> None:
    herrera, bolivar = StationLines("herrera"), StationLines("bolivar")
    own = read_lines([first := herrera.line()])[0].event
    assert own is not None
    copied = bolivar.line(id=own.id)
    _, other = take(cloud, herrera.batch([first]), bolivar.batch([copied]), trusts_ids=True)
    assert verdicts(other) == [(1, "refused", "id_used")]


@pytest.mark.parametrize("others", [0, 20])
def test_an_id_that_is_trusted_and_used_comes_to_nothing(cloud: CloudKit, others: int) -> None:
    herrera, bolivar = StationLines("herrera"), StationLines("bolivar")
    own = read_lines([first := herrera.line()])[0].event
    assert own is not None
    take(cloud, herrera.batch([first]))
    # Few rows and many come into the table by different ways.
    batch = bolivar.batch([bolivar.line(id=own.id), *bolivar.lines(others)])
    with pytest.raises(IntegrityError):
        take(cloud, batch, trusts_ids=True)
    assert cloud.count(EventRow) == 1
    assert verdicts(take(cloud, batch)[0]) == [(1, "refused", "id_used")]


def test_of_two_records_of_one_name_the_one_that_the_event_names_is_kept(cloud: CloudKit) -> None:
    herrera, bolivar = StationLines("herrera"), StationLines("bolivar")
    batch = herrera.batch([herrera.received(1)])
    (guest,) = batch.guests
    wrong = replace(guest, phone="+50769999999")
    take(cloud, bolivar.batch(bolivar.lines(1), guests=(wrong,)), batch)
    assert cloud.count(GuestRow) == 1
    assert cloud.one(OtherGuestRow).digest == wrong.digest()
