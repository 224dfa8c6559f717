"""What breaks a station's storage in the field: a killed agent, a full card, a damaged card.

The pulled plug is in `test_power_cut.py`, the many ways of damage in `test_journal_damage.py`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent import actions
from reader_agent.clock import FakeClock
from reader_agent.data_folder import DataFolder
from reader_agent.station import Station
from reader_agent.station_db import StationDBError, Transaction
from schemas.events import Event
from schemas.problems import Refusal
from tests.station_kit import ANA, KEY_1, StationKit, config_of

ROOT = Path(__file__).resolve().parents[2]


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fault.journal_writer", str(folder), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _reopen(folder: Path) -> Station:
    return Station(config_of(folder), FakeClock(mono_ns=10**12))


@pytest.mark.parametrize("count", [1, 7, 40])
def test_what_was_acknowledged_before_kill_9_is_in_the_journal(tmp_path: Path, count: int) -> None:
    with _start(tmp_path) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(count)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    station = _reopen(tmp_path)
    journal = station._journal
    seqs = [seq for seq, _ in journal.lines()]
    assert set(acknowledged) <= set(seqs)
    # It went on counting where the last process was killed, without a hole.
    assert seqs == list(range(1, len(seqs) + 1))
    assert journal.check_chain() == len(seqs)
    station.close()


def test_killed_again_and_again_it_keeps_one_chain(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for _ in range(4):
        with _start(tmp_path) as writer:
            assert writer.stdout is not None
            acknowledged |= {int(writer.stdout.readline()) for _ in range(5)}
            writer.kill()
    station = _reopen(tmp_path)
    assert acknowledged <= {seq for seq, _ in station._journal.lines()}
    assert station._journal.check_chain() > len(acknowledged)
    station.close()


def test_a_disk_that_refuses_to_write_refuses_the_tap_and_keeps_the_rest(tmp_path: Path) -> None:
    with _start(tmp_path, "300000") as writer:
        output, _ = writer.communicate(timeout=60)
    *seqs, refusal, last = output.splitlines()
    assert last == "stopped"
    # A file at its size limit is an I/O error to SQLite; a full disk is tested below.
    assert refusal in ("storage_full full", "storage_fault fault")
    station = _reopen(tmp_path)
    kept = {seq for seq, _ in station._journal.lines()}
    assert {int(seq) for seq in seqs} <= kept
    assert station._journal.check_chain() == len(kept)
    station.close()


@pytest.fixture(scope="module")
def full_card(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What `power_cut.full_card` found."""
    command = [sys.executable, "-m", "tests.power_cut.full_card"]
    folder = str(tmp_path_factory.mktemp("full"))
    done = subprocess.run(
        [*command, folder], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("occasion", "at_least"), [("at work", 80), ("at start", 8), ("at the first start", 30)]
)
def test_a_card_that_is_full_at_any_one_write_refuses_loudly_and_loses_nothing(
    full_card: dict[str, dict[str, object]], occasion: str, at_least: int
) -> None:
    found = full_card[occasion]
    print(occasion, found)
    assert found["faults"] == []
    assert int(str(found["runs"])) >= at_least
    assert int(str(found["refused"])) > 0


def test_two_agents_never_share_one_folder(tmp_path: Path) -> None:
    station = _reopen(tmp_path)
    with pytest.raises(StationDBError) as error:
        _reopen(tmp_path)
    assert error.value.code == "in_use"
    station.close()


def test_a_second_process_is_refused_in_words_and_the_first_goes_on(tmp_path: Path) -> None:
    with _start(tmp_path) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(StationDBError, match="is in use: another agent") as error:
            _reopen(tmp_path)
        assert error.value.code == "in_use"
        assert int(first.stdout.readline()) > 1
        first.kill()
        first.stdout.read()
    # The kernel let go of the locks of the process that is gone.
    _reopen(tmp_path).close()


@pytest.mark.parametrize("statement", ["SELECT * FROM event", "PRAGMA wal_checkpoint", "VACUUM"])
def test_no_tool_gets_at_the_journal_of_a_running_agent(tmp_path: Path, statement: str) -> None:
    with _start(tmp_path) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        path = config_of(tmp_path).data_dir / "station.sqlite3"
        tool = sqlite3.connect(path, timeout=0)
        with closing(tool), pytest.raises(sqlite3.OperationalError, match="locked"):
            tool.execute(statement).fetchall()
        agent.kill()
        agent.stdout.read()


def test_an_agent_does_not_start_on_a_journal_that_a_tool_writes_to(tmp_path: Path) -> None:
    _reopen(tmp_path).close()
    path = config_of(tmp_path).data_dir / "station.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(StationDBError) as error:
            _reopen(tmp_path)
        assert error.value.code == "in_use"


def test_two_agents_never_open_one_folder_at_the_same_time(tmp_path: Path) -> None:
    # Or the second would set aside the journal that the first has just begun.
    data_dir = config_of(tmp_path).data_dir
    data_dir.mkdir()
    (data_dir / "station.sqlite3").write_bytes(b"")
    with DataFolder(data_dir), pytest.raises(StationDBError, match="in use") as error:
        _reopen(tmp_path)
    assert error.value.code == "in_use"
    assert [path.name for path in data_dir.iterdir()] == ["station.sqlite3"]


def _damage(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def test_a_damaged_file_is_kept_aside_and_a_new_journal_begins(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    kit.receive()
    old_id = kit.station._journal.journal_id
    kit.station.close()
    database = kit.config.data_dir / "station.sqlite3"
    _damage(database)
    with capture_logs() as logs:
        kit.station = Station(kit.config, kit.clock)
    assert [log["log_level"] for log in logs if log["event"] == "journal.damaged"] == ["critical"]
    (name,) = kit.station.status().damaged_journals
    kept = (kit.config.data_dir / name).read_bytes()
    assert len(kept) >= 4096
    assert kit.station._journal.journal_id != old_id
    assert kit.station._journal.check_chain() == 1
    assert kit.tap(ANA).key == "tap.unknown"
    kit.station.close()


def test_a_file_that_is_no_database_is_kept_aside_too(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.data_dir.mkdir()
    (config.data_dir / "station.sqlite3").write_bytes(b"the card returned this instead " * 400)
    station = Station(config, FakeClock(mono_ns=10**12))
    (name,) = station.status().damaged_journals
    assert name.endswith("-unknown.damaged")
    station.close()


def test_ticket_codes_do_not_begin_at_one_after_damage(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    kit.station.close()
    _damage(kit.config.data_dir / "station.sqlite3")
    kit.station = Station(kit.config, kit.clock)
    rows = kit.station._db.rows("SELECT value FROM meta WHERE key = 'ticket_number'")
    assert 0 <= rows[0]["value"] < 9_999
    kit.station.close()


def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.data_dir.mkdir()
    (config.data_dir / "station.sqlite3").mkdir()
    with pytest.raises(StationDBError) as error:
        Station(config, FakeClock())
    assert error.value.code == "unreadable"


def test_the_tap_that_found_the_disk_full_is_not_shown_anywhere(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    kit.receive()
    before = kit.station.queue()
    kit.station._db.rows("PRAGMA query_only = ON")
    outcome = kit.tap(KEY_1)
    assert (outcome.tone, outcome.key) == ("error", "problem.storage_fault")
    assert kit.station.queue() == before
    assert kit.station.status().storage == "fault"
    kit.station._db.rows("PRAGMA query_only = OFF")
    kit.station.tick()
    assert kit.tap(KEY_1).event_type == "car.taken"
    kit.station.close()


def test_what_the_disk_refused_at_the_last_moment_is_in_no_memory(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    visit_id = kit.receive().visit_id
    before = kit.station.card(visit_id)
    visit = kit.station._mirror.visit(visit_id)
    assert visit is not None

    def fail(work: Transaction, _event: Event) -> None:
        work.execute("PRAGMA query_only = ON")
        work.execute("DELETE FROM draft")

    with pytest.raises(Refusal):
        kit.station._recorder.record(lambda _work: actions.park(visit), "ana", fail)
    assert kit.station.card(visit_id) == before
    assert kit.types()[-1] == "visit.received"
    kit.station.close()
