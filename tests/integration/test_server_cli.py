"""`valet-server`: what can go wrong is said in a line and by an exit status, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import main

VALET_SERVER = Path(sys.executable).with_name("valet-server")
KEY = "ab" * 32

pytestmark = pytest.mark.usefixtures("unmeasured")


def run(*arguments: str | Path, **env: str) -> tuple[int, str, str]:
    """Exit status, output and complaints of one command."""
    ended = CliRunner().invoke(
        main,
        [str(argument) for argument in arguments],
        env={f"VALET_SERVER_{name}": value for name, value in env.items()},
    )
    # What is not said in words is a traceback to the user.
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a server whose database is ready."""
    assert run("migrate", DATA_DIR=str(tmp_path)) == (0, "the database is up to date\n", "")
    return tmp_path


def test_bad_settings_are_all_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "server.env"
    file.write_text("VALET_SERVER_PROT=1\nrubbish\n")
    status, _, said = run("--config", file, "migrate", PORT="eighty", SMS_GATEWAY="pigeon")
    assert status == 2
    for fault in ("PORT: ", "SMS_GATEWAY: ", "PROT: there is no such setting", "line 2: "):
        assert fault in said


def test_a_settings_file_that_is_missing_is_named(tmp_path: Path) -> None:
    status, _, said = run("--config", tmp_path / "no.env", "migrate")
    assert (status, "there is no such file" in said) == (2, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/valet", "must begin with sqlite:/// or postgresql://"),
        ("nonsense", "cannot be read"),
        ("sqlite+nonsense:////nonexistent/x", "unable to open"),
        ("sqlite:////nonexistent/folder/valet.db", "unable to open"),
        ("postgresql://127.0.0.1:1/valet", "the database says"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_a_line(
    tmp_path: Path, url: str, words: str
) -> None:
    status, _, said = run("rebuild", DATA_DIR=str(tmp_path), DATABASE_URL=url)
    assert status == 1
    assert words in said


@pytest.mark.parametrize(
    "command", [["serve"], ["worker"], ["rebuild"], ["station", "revoke", "x"]], ids="-".join
)
def test_a_database_without_tables_says_what_to_run(tmp_path: Path, command: list[str]) -> None:
    status, _, said = run(*command, DATA_DIR=str(tmp_path), PORT="0")
    assert status == 1
    assert "valet-server migrate" in said


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_spoiled_master_key_stops_a_process_before_it_starts(folder: Path, command: str) -> None:
    (folder / "master.key").write_text("not a key")
    status, _, said = run(command, DATA_DIR=str(folder), PORT="0")
    assert status == 1
    assert "restore it from its backup" in said


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    status, _, said = run("migrate", DATA_DIR=str(tmp_path / "file"))
    assert status == 1
    assert str(tmp_path / "file") in said


def test_a_district_file_is_refused_with_all_its_faults(folder: Path) -> None:
    missing = folder / "missing.json"
    status, _, said = run("district", "load", missing, DATA_DIR=str(folder))
    assert (status, str(missing) in said) == (1, True)
    bad = folder / "bad.json"
    bad.write_text(json.dumps({"name": "", "timezone": "X/Y", "places": [{}], "colour": 1}))
    status, _, said = run("district", "load", bad, DATA_DIR=str(folder))
    assert status == 1
    for name in ("name", "timezone", "places", "people", "tags", "travel", "colour"):
        assert f"{name}:" in said


def test_a_station_needs_a_place_a_key_and_a_name_that_can_be(folder: Path) -> None:
    data_dir = str(folder)
    add = ("station", "add", "herrera-1", "--place")
    status, _, said = run(*add, "herrera", "--key", KEY, DATA_DIR=data_dir)
    assert (status, "unknown_place: herrera" in said) == (1, True)
    sample = Path(__file__).parents[2] / "server" / "data" / "casco_viejo.json"
    status, told, _ = run("district", "load", sample, DATA_DIR=data_dir)
    assert (status, "4 places" in told) == (0, True)
    for key in ("xyz", KEY[:-2], KEY + "00", "ab " * 32):
        status, _, said = run(*add, "herrera", "--key", key, DATA_DIR=data_dir)
        assert (status, "64 hex digits" in said) == (1, True)
    status, _, said = run(
        "station", "add", "Herrera 1", "--place", "herrera", "--key", KEY, DATA_DIR=data_dir
    )
    assert (status, "lower-case" in said) == (1, True)
    told = "herrera-1 may speak for herrera\n"
    assert run(*add, "herrera", "--key", KEY, DATA_DIR=data_dir) == (0, told, "")
    assert run("station", "revoke", "herrera-1", DATA_DIR=data_dir)[0] == 0
    status, _, said = run("station", "revoke", "bolivar-1", DATA_DIR=data_dir)
    assert (status, "unknown_station" in said) == (1, True)


def test_an_unknown_command_or_option_is_answered_with_the_usage() -> None:
    for arguments in (["fly"], ["rebuild", "--wirte"], ["station", "add", "x"]):
        status, _, said = run(*arguments)
        assert (status, "Usage" in said) == (2, True)


def test_the_installed_command_says_what_is_wrong_and_ends_with_that(tmp_path: Path) -> None:
    done = subprocess.run(
        [VALET_SERVER, "worker"],
        env={**os.environ, "VALET_SERVER_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "valet-server migrate" in done.stderr
    assert "Traceback" not in done.stderr
