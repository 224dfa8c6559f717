"""The journal: dense, chained, kept for ever, and settled by the cloud's word."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent.clock import FakeClock
from reader_agent.journal import Journal, NewEvent
from reader_agent.station_db import StationDB, StationDBError
from schemas import chain, events
from schemas.events import Event
from schemas.guest import Guest, new_salt
from schemas.ids import uuid7
from schemas.problems import Refusal

VISIT = "01900000-0000-7000-8000-000000000001"
SIGNED_ON = NewEvent(events.SHIFT_SIGNED_ON)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(mono_ns=10**12)


@pytest.fixture
def db(tmp_path: Path) -> StationDB:
    return StationDB(tmp_path / "station.sqlite3")


@pytest.fixture
def journal(db: StationDB, clock: FakeClock) -> Journal:
    return Journal(db, clock)


def _append(db: StationDB, journal: Journal, count: int = 1) -> list[Event]:
    appended = []
    for _ in range(count):
        with db.transaction() as work:
            appended.append(journal.append(work, SIGNED_ON, actor="ana", place_id="herrera"))
    return appended


def _append_and_fail(db: StationDB, journal: Journal) -> None:
    with db.transaction() as work:
        journal.append(work, SIGNED_ON, actor="ana", place_id="herrera")
        work.execute("INSERT INTO nowhere VALUES (1)")


def _refused(seq: int) -> dict[str, object]:
    return {"seq": seq, "id": None, "verdict": "refused", "code": "bad_fields", "detail": "x"}


def test_the_first_event_follows_the_genesis_of_its_journal(
    db: StationDB, journal: Journal
) -> None:
    (event,) = _append(db, journal)
    assert (event.seq, event.prev) == (1, chain.genesis(journal.journal_id))


def test_each_event_names_the_hash_of_the_one_before(db: StationDB, journal: Journal) -> None:
    _append(db, journal, 3)
    bodies = [chain.unseal(line) for _, line in journal.pending(10, 10**6)]
    assert [body["seq"] for body, _ in bodies] == [1, 2, 3]
    assert bodies[1][0]["prev"] == bodies[0][1]
    assert journal.check_chain() == 3


def test_a_rolled_back_append_leaves_no_hole(db: StationDB, journal: Journal) -> None:
    _append(db, journal)
    with pytest.raises(sqlite3.OperationalError):
        _append_and_fail(db, journal)
    assert [event.seq for event in _append(db, journal)] == [2]
    assert journal.check_chain() == 2


def test_an_event_carries_the_boot_and_both_clocks(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    clock.set_wall(clock.wall(), synced=False)
    (event,) = _append(db, journal)
    assert event.boot_id == clock.boot_id()
    assert event.mono_ns == clock.mono_ns()
    assert (event.wall, event.wall_synced) == (clock.wall(), False)


def test_the_journal_keeps_its_id_and_place_over_a_restart(
    tmp_path: Path, db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 3)
    journal.settle(2, [], clock.wall())
    db.close()
    again = Journal(StationDB(tmp_path / "station.sqlite3"), clock)
    assert again.journal_id == journal.journal_id
    assert (again.acked_seq, again.head_seq(), again.depth()) == (2, 3, 1)


def test_pending_keeps_both_limits_but_always_gives_one(db: StationDB, journal: Journal) -> None:
    _append(db, journal, 5)
    size = len(journal.pending(1, 10**6)[0][1]) + 1
    assert [seq for seq, _ in journal.pending(2, 10**6)] == [1, 2]
    assert [seq for seq, _ in journal.pending(10, 3 * size)] == [1, 2, 3]
    assert [seq for seq, _ in journal.pending(10, 1)] == [1]


def test_settling_is_cumulative_and_an_older_answer_changes_nothing(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 5)
    journal.settle(4, [], clock.wall())
    journal.settle(2, [], clock.wall())
    assert [seq for seq, _ in journal.pending(10, 10**6)] == [5]


def test_nothing_is_deleted_when_it_is_acknowledged(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 3)
    journal.settle(3, [], clock.wall())
    assert journal.depth() == 0
    assert len(list(journal.lines())) == 3


def test_a_refused_event_is_kept_and_counted_and_blocks_nothing(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 3)
    journal.settle(3, [_refused(2)], clock.wall())
    assert journal.refused_count() == 1
    assert journal.depth() == 0
    again = {"seq": 2, "id": None, "verdict": "duplicate", "code": None, "detail": None}
    journal.settle(3, [again], clock.wall())
    assert journal.refused_count() == 1


def test_a_gap_sends_again_from_what_the_cloud_expects(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 5)
    journal.settle(5, [], clock.wall())
    journal.appended.clear()
    journal.go_back(3)
    assert [seq for seq, _ in journal.pending(10, 10**6)] == [3, 4, 5]
    assert journal.appended.is_set()


def _forked(seq: int) -> dict[str, object]:
    return {"seq": seq, "id": None, "verdict": "refused", "code": "forked", "detail": "x"}


def _renew(db: StationDB, journal: Journal) -> list[Event]:
    with db.transaction() as work:
        _, again = journal.renew(work)
    return again


@pytest.mark.parametrize("sign", ["head", "verdict"])
def test_a_journal_that_the_cloud_knows_otherwise_is_overtaken_for_good(
    tmp_path: Path, db: StationDB, journal: Journal, clock: FakeClock, sign: str
) -> None:
    _append(db, journal, 2)
    journal.compare_head(2)
    assert not journal.is_overtaken
    with capture_logs() as logs:
        for _ in range(2):
            if sign == "head":
                journal.compare_head(7)
            else:
                journal.settle(2, [_forked(2)], clock.wall())
    assert [log["event"] for log in logs] == ["journal.forked"]
    db.close()
    assert Journal(StationDB(tmp_path / "station.sqlite3"), clock).is_overtaken


def test_a_renewed_journal_begins_with_what_the_cloud_did_not_take_in(
    tmp_path: Path, db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    old_id = journal.journal_id
    before = _append(db, journal, 4)
    lines = list(journal.lines())
    clock.advance(60)
    journal.settle(4, [_forked(2), _refused(3), _forked(4)], clock.wall())
    again = _renew(db, journal)

    assert journal.journal_id != old_id
    assert (journal.acked_seq, journal.depth(), journal.is_overtaken) == (0, 2, False)
    # The same facts: only their places in the chain are others.
    same = [replace(event, seq=0, prev="") for event in (before[1], before[3])]
    assert [replace(event, seq=0, prev="") for event in again] == same
    assert [event.seq for event in again] == [1, 2]
    assert again[0].prev == chain.genesis(journal.journal_id)
    assert [event.seq for event in _append(db, journal)] == [3]
    db.close()
    db = StationDB(tmp_path / "station.sqlite3")
    journal = Journal(db, clock)
    assert (journal.check_chain(), journal.set_aside) == (3, (old_id,))
    kept = db.rows(f'SELECT seq, line FROM "old_event_{old_id}" ORDER BY seq')
    assert [tuple(row) for row in kept] == lines


def test_a_journal_can_be_renewed_again(db: StationDB, journal: Journal, clock: FakeClock) -> None:
    ids = []
    for _ in range(3):
        _append(db, journal, 2)
        with db.transaction() as work:
            event = journal.append(work, SIGNED_ON, actor="ana", place_id="herrera")
            ref = uuid7(clock.wall())
            journal.guests.add(work, replace(_guest(), ref=ref), event.seq)
        ids.append(journal.journal_id)
        journal.compare_head(99)
        _renew(db, journal)
    assert journal.set_aside == tuple(ids)
    assert journal.head_seq() == 0
    # A phone that never arrived is kept, whatever the new numbers are.
    journal.settle(0, [], clock.wall())
    _append(db, journal, 9)
    journal.settle(9, [], clock.wall())
    assert [row["salt"] is None for row in db.rows("SELECT salt FROM guest")] == [False] * 3
    assert journal.records(1, 9) == []


def test_the_oldest_unsent_event_ages_by_the_monotonic_clock(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    assert journal.oldest_unsent_age_s() is None
    _append(db, journal)
    clock.advance(30)
    clock.set_wall(clock.wall().replace(year=1990), synced=False)
    assert journal.oldest_unsent_age_s() == 30
    clock.reboot("another-boot")
    assert journal.oldest_unsent_age_s() == 0


def _guest(phone: str | None = "+50761234567") -> Guest:
    ref = "01900000-0000-7000-8000-0000000000aa"
    return Guest(ref, VISIT, "AB1234", phone, new_salt())


def test_a_guest_travels_with_its_event_and_is_wiped_once_acknowledged(
    tmp_path: Path, db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 2)
    with db.transaction() as work:
        event = journal.append(work, SIGNED_ON, actor="ana", place_id="herrera")
        journal.guests.add(work, _guest(), event.seq)
    assert journal.records(1, 2) == []
    assert [guest["phone"] for guest in journal.records(1, 3)] == ["+50761234567"]
    journal.settle(3, [], clock.wall())
    assert journal.records(1, 3) == []
    assert journal.guests.known()[VISIT].plate == "AB1234"
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"+50761234567" not in left


def test_the_guest_of_a_refused_event_is_kept_for_a_person(
    db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    with db.transaction() as work:
        event = journal.append(work, SIGNED_ON, actor="ana", place_id="herrera")
        journal.guests.add(work, _guest(), event.seq)
    journal.settle(1, [_refused(1)], clock.wall())
    assert [guest["phone"] for guest in journal.records(1, 1)] == ["+50761234567"]


def test_a_changed_line_breaks_the_chain(
    tmp_path: Path, db: StationDB, journal: Journal, clock: FakeClock
) -> None:
    _append(db, journal, 3)
    db.close()
    with sqlite3.connect(tmp_path / "station.sqlite3") as other:
        (line,) = other.execute("SELECT line FROM event WHERE seq = 2").fetchone()
        body = json.loads(line) | {"actor": "eva"}
        other.execute("UPDATE event SET line = ? WHERE seq = 2", (json.dumps(body).encode(),))
    other.close()
    again = Journal(StationDB(tmp_path / "station.sqlite3"), clock)
    with pytest.raises(chain.ChainError):
        again.check_chain()


def test_the_database_is_durable_and_nobody_else_gets_in(tmp_path: Path, db: StationDB) -> None:
    assert db.rows("PRAGMA synchronous")[0][0] == 2
    assert db.rows("PRAGMA journal_mode")[0][0] == "wal"
    with pytest.raises(StationDBError) as error:
        StationDB(tmp_path / "station.sqlite3")
    assert error.value.code == "in_use"


def test_a_database_of_a_newer_agent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 999")
    other.close()
    with pytest.raises(StationDBError) as error:
        StationDB(path)
    assert error.value.code == "newer"


def test_a_full_disk_refuses_loudly_and_recovers_by_itself(db: StationDB, journal: Journal) -> None:
    _append(db, journal)
    (pages,) = db.rows("PRAGMA page_count")[0]
    db.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Refusal) as refusal:
        _append(db, journal, 200)
    assert (refusal.value.code, db.storage) == ("storage_full", "full")
    assert not db.probe()
    db.rows("PRAGMA max_page_count = 100000")
    assert db.probe()
    assert db.storage == "ok"
    count = journal.check_chain()
    assert [event.seq for event in _append(db, journal)] == [count + 1]
