"""Taking in events, on both databases: once each, in order, and nothing thrown away."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import events
from schemas.problems import Refusal
from server.ingest import Receipt
from server.models import (
    EventRow,
    GuestRow,
    JournalRow,
    LinkRow,
    MessageRow,
    MoveRow,
    QuarantineRow,
    VisitRow,
)
from tests.cloud_kit import CloudKit, open_cloud, verdicts
from tests.station_lines import StationLines, minutes_later, visit_id_of

NOW = minutes_later(5)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def herrera() -> StationLines:
    """A booth's journal."""
    return StationLines("herrera")


def seqs(cloud: CloudKit) -> list[int]:
    """The sequences of all stored events."""
    return [row.seq for row in cloud.rows(EventRow)]


def broken(line: bytes) -> bytes:
    """The line with one byte of its content changed."""
    return line.replace(b'"wall_synced":true', b'"wall_synced":trUe', 1)


def test_events_are_stored_as_the_bytes_that_came(cloud: CloudKit, herrera: StationLines) -> None:
    lines = herrera.lines(3)
    receipt = cloud.take(herrera.batch(lines), NOW)
    assert (receipt.ack_seq, receipt.verdicts, receipt.gap) == (3, [], None)
    assert [row.line for row in cloud.rows(EventRow)] == lines
    journal = cloud.one(JournalRow)
    assert (journal.head_seq, journal.head_hash) == (3, herrera.head)


def test_a_batch_that_comes_twice_is_stored_once(cloud: CloudKit, herrera: StationLines) -> None:
    batch = herrera.batch([herrera.received(1), *herrera.lines(2)])
    cloud.take(batch, NOW)
    again = cloud.take(batch, NOW)
    assert again.ack_seq == 3
    assert verdicts(again) == [(seq, "duplicate", "duplicate") for seq in (1, 2, 3)]
    assert seqs(cloud) == [1, 2, 3]
    assert [cloud.count(table) for table in (VisitRow, GuestRow, LinkRow, MessageRow)] == [1] * 4


def test_a_batch_that_overlaps_the_last_one_adds_what_is_new(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = herrera.lines(4)
    cloud.take(herrera.batch(lines[:3]), NOW)
    receipt = cloud.take(herrera.batch(lines[1:]), NOW)
    assert receipt.ack_seq == 4
    assert [seq for seq, *_ in verdicts(receipt)] == [2, 3]


def test_a_line_that_is_twice_in_one_batch_is_stored_once(
    cloud: CloudKit, herrera: StationLines
) -> None:
    first, second = herrera.lines(2)
    receipt = cloud.take(herrera.batch([first, first, second]), NOW)
    assert verdicts(receipt) == [(1, "duplicate", "duplicate")]
    assert (receipt.ack_seq, seqs(cloud), cloud.count(QuarantineRow)) == (2, [1, 2], 0)


def test_one_event_four_times_at_once_is_one_row_and_four_equal_answers(
    cloud: CloudKit, herrera: StationLines
) -> None:
    batch = herrera.batch([herrera.received(1)])
    barrier = threading.Barrier(4)
    receipts: list[Receipt] = []

    def send() -> None:
        barrier.wait()
        receipts.append(cloud.take(batch, NOW))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [receipt.ack_seq for receipt in receipts] == [1, 1, 1, 1]
    assert sorted(len(receipt.verdicts) for receipt in receipts) == [0, 1, 1, 1]
    tables = (EventRow, JournalRow, VisitRow, GuestRow, LinkRow, MessageRow, MoveRow)
    assert [cloud.count(table) for table in tables] == [1] * 7


def test_a_gap_is_named_and_ends_the_batch(cloud: CloudKit, herrera: StationLines) -> None:
    lines = herrera.lines(5)
    cloud.take(herrera.batch(lines[:1]), NOW)
    receipt = cloud.take(herrera.batch(lines[3:]), NOW)
    assert receipt.gap == {"expected_seq": 2, "got_seq": 4}
    assert (receipt.ack_seq, seqs(cloud)) == (1, [1])
    assert cloud.take(herrera.batch(lines[1:]), NOW).ack_seq == 5


def test_a_gap_inside_a_batch_keeps_what_stands_before_it(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = herrera.lines(5)
    receipt = cloud.take(herrera.batch([*lines[:2], *lines[3:]]), NOW)
    assert (receipt.ack_seq, receipt.gap) == (2, {"expected_seq": 3, "got_seq": 4})
    assert seqs(cloud) == [1, 2]


def test_one_malformed_line_is_refused_alone_and_the_49_others_are_stored(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = herrera.lines(50)
    lines[24] = broken(lines[24])
    receipt = cloud.take(herrera.batch(lines), NOW)
    assert receipt.ack_seq == 50
    assert verdicts(receipt) == [(25, "refused", "bad_hash")]
    assert seqs(cloud) == [seq for seq in range(1, 51) if seq != 25]
    kept = cloud.one(QuarantineRow)
    assert (kept.seq, kept.code, kept.line) == (25, "bad_hash", lines[24])


def test_a_malformed_line_that_comes_again_keeps_its_own_sequence(cloud: CloudKit) -> None:
    for at in (0, 2, 4):
        station = StationLines("herrera", f"journal-{at}")
        lines = station.lines(5)
        lines[at] = broken(lines[at])
        for _ in range(3):
            receipt = cloud.take(station.batch(lines), NOW)
            assert receipt.ack_seq == 5
            assert (at + 1, "refused", "bad_hash") in verdicts(receipt)
        assert cloud.take(station.batch(station.lines(2)), NOW).ack_seq == 7
    assert (cloud.count(QuarantineRow), cloud.count(EventRow)) == (3, 18)


def test_a_batch_of_nothing_but_malformed_lines_may_come_again_too(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [broken(line) for line in herrera.lines(3)]
    for _ in range(2):
        assert cloud.take(herrera.batch(lines, first_seq=1), NOW).ack_seq == 3
    assert cloud.count(QuarantineRow) == 3
    assert cloud.take(herrera.batch(herrera.lines(1)), NOW).ack_seq == 4


def test_a_malformed_line_beyond_a_gap_is_not_taken_for_the_missing_one(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = herrera.lines(3)
    receipt = cloud.take(herrera.batch([broken(lines[1]), lines[2]]), NOW)
    assert (receipt.ack_seq, receipt.gap) == (0, {"expected_seq": 1, "got_seq": 2})
    assert cloud.count(QuarantineRow) == 0


def test_an_event_with_an_impossible_sequence_is_kept_for_a_person(cloud: CloudKit) -> None:
    for number, seq in enumerate(("0", "-3", "true", "1.5", '"1"', "null", str(2**53 + 1), "1e9")):
        station = StationLines("herrera", f"journal-{number}")
        good, odd = station.line(), _resealed(station.line(), b'"seq":2', f'"seq":{seq}')
        receipt = cloud.take(station.batch([good, odd, station.line()]), NOW)
        assert (receipt.ack_seq, verdicts(receipt)) == (3, [(2, "refused", "bad_fields")])
        assert odd in {row.line for row in cloud.rows(QuarantineRow)}
    assert cloud.count(QuarantineRow) == 8


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"type": "car.flown"}, "unknown_type"),
    ({"type": "car.flown\x00"}, "unknown_type"),
    ({"place_id": "bolivar"}, "wrong_place"),
    ({"actor": "ana\x00"}, "bad_fields"),
    ({"wall": "0001-01-01T00:00:00+14:00"}, "bad_fields"),
    ({"id": "\x00"}, "bad_fields"),
    ({"v": 2}, "bad_fields"),
    ({"visit_id": visit_id_of(1), "step": 5}, "bad_fields"),
    ({"data": None}, "bad_fields"),
]


def test_an_event_that_cannot_be_is_refused_alone(cloud: CloudKit) -> None:
    for number, (changes, code) in enumerate(IMPOSSIBLE):
        station = StationLines("herrera", f"journal-{number}")
        lines = [station.line(), station.line(**{"type": events.SHIFT_SIGNED_OFF, **changes})]
        receipt = cloud.take(station.batch([*lines, station.line()]), NOW)
        assert verdicts(receipt) == [(2, "refused", code)]
        assert (receipt.ack_seq, receipt.chain_broken_at) == (3, None)
        again = cloud.take(station.batch(lines), NOW)
        assert verdicts(again) == [(1, "duplicate", "duplicate"), (2, "refused", code)]
    assert cloud.count(QuarantineRow) == len(IMPOSSIBLE)
    assert cloud.count(EventRow) == 2 * len(IMPOSSIBLE)


def test_text_that_no_database_can_keep_does_not_stop_the_batch(
    cloud: CloudKit, herrera: StationLines
) -> None:
    odd = herrera.received(1, data={"key_tag": "em4100:\x00"})
    receipt = cloud.take(herrera.batch([odd, herrera.received(2)]), NOW)
    assert (receipt.ack_seq, verdicts(receipt)) == (2, [(1, "refused", "bad_fields")])
    assert cloud.one(VisitRow).id == visit_id_of(2)


def test_half_of_a_surrogate_pair_does_not_stop_the_batch(
    cloud: CloudKit, herrera: StationLines
) -> None:
    odd = _resealed(herrera.line(), b'"actor":"ana"', '"actor":"\\ud800"')
    receipt = cloud.take(herrera.batch([odd, herrera.line()]), NOW)
    assert (receipt.ack_seq, verdicts(receipt)) == (2, [(1, "refused", "bad_fields")])


def test_json_that_is_nested_without_end_does_not_stop_the_batch(
    cloud: CloudKit, herrera: StationLines
) -> None:
    good = herrera.line()
    deep = _sealed(b'{"seq":2,"data":' + b"[" * 100_000 + b"}")
    receipt = cloud.take(herrera.batch([good, deep]), NOW)
    assert (receipt.ack_seq, verdicts(receipt)) == (2, [(2, "refused", "not_json")])


def _sealed(raw: bytes) -> bytes:
    digest = hashlib.sha256(raw).hexdigest()
    return raw[:-1] + b',"hash":"' + digest.encode() + b'"}'


def _resealed(line: bytes, old: bytes, new: str) -> bytes:
    """The line with other words in it and a hash that fits."""
    raw = line[: line.rindex(b',"hash"')] + b"}"
    assert old in raw
    return _sealed(raw.replace(old, new.encode()))


def test_a_broken_chain_is_reported_and_what_came_is_kept(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [*herrera.lines(2), herrera.line(prev="0" * 64), *herrera.lines(2)]
    receipt = cloud.take(herrera.batch(lines), NOW)
    assert (receipt.chain_broken_at, receipt.ack_seq, receipt.verdicts) == (3, 5, [])
    assert seqs(cloud) == [1, 2, 3, 4, 5]
    assert cloud.one(JournalRow).broken_at_seq == 3
    assert cloud.take(herrera.batch(herrera.lines(1)), NOW).chain_broken_at is None
    assert cloud.one(JournalRow).broken_at_seq == 3


def test_a_chain_that_begins_with_another_journal_is_broken(
    cloud: CloudKit, herrera: StationLines
) -> None:
    herrera.head = "0" * 64
    assert cloud.take(herrera.batch([herrera.line()]), NOW).chain_broken_at == 1


def test_a_journal_that_was_set_back_and_went_on_is_a_fork(
    cloud: CloudKit, herrera: StationLines
) -> None:
    cloud.take(herrera.batch(herrera.lines(3)), NOW)
    twin = StationLines("herrera")
    fork = [twin.line(), twin.line(actor="eva"), twin.line(actor="eva")]
    for _ in range(2):
        receipt = cloud.take(herrera.batch(fork), NOW)
        assert receipt.ack_seq == 3
        assert verdicts(receipt) == [
            (1, "duplicate", "duplicate"),
            (2, "refused", "forked"),
            (3, "refused", "forked"),
        ]
    assert sorted(row.line for row in cloud.rows(QuarantineRow)) == sorted(fork[1:])
    assert seqs(cloud) == [1, 2, 3]


def test_an_event_id_that_another_event_has_is_refused(
    cloud: CloudKit, herrera: StationLines
) -> None:
    first, bolivar = herrera.line(), StationLines("bolivar")
    event_id = cloud_id(first)
    receipt = cloud.take(herrera.batch([first, herrera.line(id=event_id)]), NOW)
    assert verdicts(receipt) == [(2, "refused", "id_used")]
    other = cloud.take(bolivar.batch([bolivar.line(id=event_id), bolivar.line()]), NOW)
    assert (verdicts(other), other.ack_seq) == ([(1, "refused", "id_used")], 2)


def cloud_id(line: bytes) -> str:
    """The id of the event in a line."""
    event_id: str = json.loads(line)["id"]
    return event_id


def test_the_journal_of_another_station_is_not_taken_over(
    cloud: CloudKit, herrera: StationLines
) -> None:
    cloud.take(herrera.batch(herrera.lines(1)), NOW)
    with pytest.raises(Refusal, match="bad_header"):
        cloud.take(herrera.batch(herrera.lines(1), station_id="station-bolivar"), NOW)
    assert seqs(cloud) == [1]
