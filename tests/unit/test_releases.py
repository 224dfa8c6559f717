"""Releases of a station: which may follow which, which is started, and which comes back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from reader_agent.migrations import MIGRATIONS, OLDEST_READER
from reader_agent.releases import keeper
from reader_agent.releases.commands import _watch, update
from reader_agent.releases.commands import release as release_command
from reader_agent.releases.keeper import Trial
from reader_agent.releases.shelf import Machine
from reader_agent.releases.web_folder import NEWEST, archive_name
from reader_agent.station_db import StationDB, StationDBError
from tests.release_kit import (
    MADE_FOR,
    OTHER_KEY,
    PUBLIC_KEY,
    lib_of,
    live,
    release_of,
    settled_station,
    shelf_of,
    start,
    take,
)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station that runs 2026.1."""
    return settled_station(tmp_path)


def test_a_release_that_lives_stays(station: Path, tmp_path: Path) -> None:
    assert take(station, release_of(tmp_path, "2026.2")) == "taken"
    assert shelf_of(station).is_on_trial

    assert start(station) == "2026.2"
    live(station)

    assert not shelf_of(station).is_on_trial
    assert [start(station) for _ in range(5)] == ["2026.2"] * 5
    assert shelf_of(station).check().version == "2026.2"


def test_a_release_that_does_not_live_is_taken_back_by_itself(
    station: Path, tmp_path: Path
) -> None:
    archive = release_of(tmp_path, "2026.2")
    take(station, archive)

    started = [start(station) for _ in range(keeper.TRIES + 2)]

    assert started == ["2026.2"] * keeper.TRIES + ["2026.1"] * 2
    assert not shelf_of(station).is_on_trial
    assert take(station, archive) == "was_bad"
    assert take(station, archive, again=True) == "taken"
    assert start(station) == "2026.2"


def test_the_first_release_has_nothing_to_go_back_to(station: Path) -> None:
    assert not shelf_of(station).is_on_trial
    assert {start(station) for _ in range(9)} == {"2026.1"}


def test_a_trial_whose_way_back_is_gone_goes_on(station: Path, tmp_path: Path) -> None:
    take(station, release_of(tmp_path, "2026.2"))
    shutil.rmtree(station / "releases" / "2026.1")

    assert {start(station) for _ in range(9)} == {"2026.2"}


def test_only_a_newer_release_is_taken(station: Path, tmp_path: Path) -> None:
    older, newer = release_of(tmp_path, "2026.0.9"), release_of(tmp_path, "2026.10")
    same = tmp_path / "2026.1.tar.gz"
    assert [take(station, archive) for archive in (older, same)] == ["too_old", "too_old"]
    assert take(station, newer) == "taken"
    assert take(station, release_of(tmp_path, "2026.11")) == "on_trial"
    live(station)
    assert take(station, release_of(tmp_path, "2026.9")) == "too_old"


def test_a_release_of_another_machine_or_key_is_refused(station: Path, tmp_path: Path) -> None:
    other = release_of(tmp_path, "2026.2", replace(MADE_FOR, machine="x86_64"))
    assert take(station, other) == "wrong_machine"
    other = release_of(tmp_path, "2026.3", replace(MADE_FOR, python="3.13"))
    assert take(station, other) == "wrong_machine"
    assert take(station, release_of(tmp_path, "2026.4", key=OTHER_KEY)) == "not_signed"
    anywhere = release_of(tmp_path, "2026.5", replace(MADE_FOR, machine="any"))
    assert take(station, anywhere) == "taken"


def test_a_release_after_which_there_is_no_way_back_is_said_to_be_one(
    station: Path, tmp_path: Path
) -> None:
    archive = release_of(tmp_path, "2026.2", replace(MADE_FOR, schema=6, oldest_reader=5))

    assert take(station, archive) == "no_way_back"
    assert take(station, archive, one_way=True) == "taken"


def test_a_card_without_room_is_said(
    station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))

    assert take(station, release_of(tmp_path, "2026.2")) == "no_room"
    assert start(station) == "2026.1"


def test_two_updates_at_once_are_one(station: Path, tmp_path: Path) -> None:
    with shelf_of(station)._held():
        assert take(station, release_of(tmp_path, "2026.2")) == "on_trial"


def test_what_is_not_tried_is_removed_with_the_next_update(station: Path, tmp_path: Path) -> None:
    for version in ("2026.2", "2026.3"):
        take(station, release_of(tmp_path, version))
        live(station)
    names = {path.name for path in (station / "releases").iterdir()}

    assert names == {"2026.2", "2026.3", "current"}


def test_the_commands_make_check_and_take_a_release(tmp_path: Path) -> None:
    key, out, folder = tmp_path / "release.key", tmp_path / "it.tar.gz", tmp_path / "station"
    public = f"{key}.pub"
    lib = lib_of(tmp_path, "2026.2")
    (lib / "reader_agent").mkdir()
    (lib / "reader_agent" / "migrations.py").write_text("MIGRATIONS = (1, 2)\nOLDEST_READER = 2\n")
    folder.mkdir()

    def said(command: object, *args: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(command, [str(arg) for arg in args])  # type: ignore[arg-type]
        assert done.exit_code == code, done.output
        return done.output

    said(release_command, "key", key)
    assert "key.pub" not in said(release_command, "key", key, code=1)
    made = ("make", lib, "--version", "2026.2", "--key", key, "--out", out)
    assert "release 2026.2, 4 files" in said(release_command, *made)
    assert "not_a_release" in said(release_command, *made[:3], "x", *made[4:], code=1)
    assert "as signed" in said(release_command, "verify", out, "--key", public)
    place = ("--key", public, "--folder", folder)
    assert "not_a_release" in said(release_command, "verify", *place, code=1)
    assert "next start" in said(update, out, *place, "--no-restart")
    assert "2026.2" in said(release_command, "verify", *place)
    assert "too_old" in said(update, out, *place, code=1)


@contextmanager
def web_folder(folder: Path) -> Iterator[str]:
    """The folder on the web, on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_newest_release_is_fetched_from_the_web(station: Path, tmp_path: Path) -> None:
    made_for = replace(MADE_FOR, machine="any", python=Machine().python)
    web, key = tmp_path / "web", tmp_path / "key.pub"
    web.mkdir()
    key.write_text(PUBLIC_KEY.hex())

    def look() -> str:
        given = ["--from", url, "--key", str(key), "--folder", str(station), "--no-restart"]
        return str(CliRunner().invoke(update, given).output)

    with web_folder(web) as url:
        assert "answered 404" in look()
        (web / NEWEST).write_text("2026.1\n")
        assert "no newer release" in look()
        release_of(tmp_path, "2026.2", made_for).rename(web / archive_name("2026.2"))
        (web / NEWEST).write_text("2026.2\n")
        assert "release 2026.2 is in its place" in look()
        assert start(station) == "2026.2"
        live(station)
        (web / NEWEST).write_text("../../etc/passwd")
        assert "not_a_release" in look()
        (web / NEWEST).write_text("9" * 99)
        assert "too big" in look()
        release_of(tmp_path, "2026.3", made_for, OTHER_KEY).rename(web / archive_name("2026.3"))
        (web / NEWEST).write_text("2026.3")
        assert "not_signed" in look()
    assert "out_of_reach" in look()
    url = "http://releases.example.org"
    assert "bad_address" in look()
    assert start(station) == "2026.2"
    assert CliRunner().invoke(update, []).exit_code == 2


def test_the_keeper_speaks_to_the_screen_and_starts_nothing_without_storage(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, elsewhere = tmp_path / "run" / "state.js", Path("/proc")

    def keep(moment: str, root: Path) -> tuple[int, str]:
        status = keeper.main([moment, str(station)], state, root)
        return status, state.read_text()

    # Another file system than the root's: the data partition is there.
    assert keep("starting", elsewhere) == (0, 'stationIs("starting");\n')
    assert keep("ready", elsewhere) == (0, 'stationIs("ready");\n')
    assert keep("settled", elsewhere) == (0, 'stationIs("ready");\n')
    assert keep("stopped", elsewhere) == (0, 'stationIs("starting");\n')
    # The same one: what would be written is in memory.
    assert keep("starting", tmp_path) == (1, 'stationIs("no_storage");\n')
    assert "data partition is missing" in capsys.readouterr().err
    assert keeper.main(["starting", "/nowhere/at/all"], state) == 1
    assert keeper.main(["what", "x"], state) == keeper.main([], state) == 2


def test_a_release_that_is_ready_and_dies_again_and_again_does_not_settle(
    station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(station, release_of(tmp_path, "2026.2"))
    state, uptime = tmp_path / "run" / "state.js", 1000.0
    monkeypatch.setattr(keeper, "uptime_s", lambda *_: uptime)

    def keep(moment: str) -> str | None:
        assert keeper.main([moment, str(station)], state, Path("/proc")) == 0
        return keeper.current_of(station / "releases")

    started = []
    for _ in range(keeper.TRIES + 1):
        started.append(keep("starting"))
        keep("ready")
        uptime += keeper.SETTLED_AFTER_S - 1
        # Somebody asks too early: it was started again meanwhile.
        keep("settled")
        keep("stopped")
        uptime += 10
        keep("settled")
    assert started == ["2026.2"] * keeper.TRIES + ["2026.1"]

    take(station, tmp_path / "2026.2.tar.gz", again=True)
    keep("starting")
    keep("ready")
    uptime += keeper.SETTLED_AFTER_S
    keep("settled")
    assert {keep("starting") for _ in range(9)} == {"2026.2"}


def test_a_card_that_fails_does_not_keep_the_agent_from_saying_so(
    station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(station, release_of(tmp_path, "2026.2"))
    refuse = OSError(28, "No space left on device")
    monkeypatch.setattr(keeper, "write_trial", lambda *_: (_ for _ in ()).throw(refuse))

    assert keeper.main(["starting", str(station)], tmp_path / "s.js", Path("/proc")) == 0


def test_the_keeper_needs_nothing_of_ours(tmp_path: Path) -> None:
    copy = tmp_path / "keeper.py"
    shutil.copy(keeper.__file__, copy)
    done = subprocess.run(
        [sys.executable, "-I", "-S", copy, "settled", tmp_path], check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"release": "a"}', '{"release": 1, "starts": []}']
)
def test_a_trial_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.json").write_text(text)
    assert keeper.read_trial(tmp_path) is None
    keeper.write_trial(tmp_path, Trial("b", "a", 2))
    assert keeper.read_trial(tmp_path) == Trial("b", "a", 2)


def test_what_came_after_the_oldest_reader_are_tables_of_their_own() -> None:
    assert 3 <= OLDEST_READER <= len(MIGRATIONS)
    later = [statement for step in MIGRATIONS[OLDEST_READER:] for statement in step]
    assert [each for each in later if not each.startswith(("CREATE TABLE", "CREATE INDEX"))] == []


@pytest.mark.parametrize(("oldest_reader", "code"), [(len(MIGRATIONS), None), (999, "newer")])
def test_a_release_that_came_back_reads_what_the_newer_one_left(
    tmp_path: Path, oldest_reader: int, code: str | None
) -> None:
    path = tmp_path / "station.sqlite3"
    StationDB(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("CREATE TABLE of_tomorrow (id TEXT PRIMARY KEY)")
        newer.execute("UPDATE meta SET value = ? WHERE key = 'oldest_reader'", (oldest_reader,))
        newer.execute("PRAGMA user_version = 999")
    newer.close()

    if code is None:
        StationDB(path).close()
        # And the newer one finds the file as it left it.
        with sqlite3.connect(path) as newer:
            assert newer.execute("PRAGMA user_version").fetchone() == (999,)
        newer.close()
    else:
        with pytest.raises(StationDBError, match="schema 999"):
            StationDB(path)


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        (0, "systemctl could not restart"),
        (1, "has started and stays"),
        (keeper.TRIES + 1, "did not start: 2026.1 is back"),
    ],
)
def test_an_update_tells_how_its_trial_ended(
    station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: int, said: str
) -> None:
    made_for = replace(MADE_FOR, machine="any", python=Machine().python)
    archive = release_of(tmp_path, "2026.2", made_for)
    (tmp_path / "key.pub").write_text(PUBLIC_KEY.hex())

    def systemctl(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command == ["systemctl", "restart", "--no-block", "valet-agent.service"]
        for _start in range(starts):
            start(station)
        if starts == 1:
            live(station)
        return subprocess.CompletedProcess(command, 0 if starts else 1)

    monkeypatch.setattr("reader_agent.releases.commands.subprocess.run", systemctl)
    given = [str(archive), "--key", str(tmp_path / "key.pub"), "--folder", str(station)]
    done = CliRunner().invoke(update, given)

    assert said in done.output
    assert done.exit_code == (0 if starts == 1 else 1)


def test_a_trial_that_goes_on_is_left_to_the_station(station: Path, tmp_path: Path) -> None:
    shelf = shelf_of(station)
    taken = shelf.take(release_of(tmp_path, "2026.2"))
    runner = CliRunner()
    with runner.isolation() as (out, *_):
        _watch(shelf, taken, wait_s=0)
        assert b"still on trial" in out.getvalue()
