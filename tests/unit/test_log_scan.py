"""The scan of all logs finds what it has to find, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.log_scan import secrets_in

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "Zk3v_QwErTy-012345aBcD"

CONFTEST = """
from tests.log_scan import LogScan

def pytest_configure(config):
    config.addinivalue_line("markers", "shows_secrets: may")
    config.pluginmanager.register(LogScan())
"""
# Each of these but the first and the last has something in its logs.
TESTS = f"""
import subprocess, sys
import pytest, structlog
from structlog.testing import capture_logs

def test_clean():
    structlog.get_logger().info("visit_begun", code="H-0427", visit="0193a5c0-7f3e-7cc1-8000-1")

def test_printed():
    print("to +50761234567")

def test_captured():
    with capture_logs():
        structlog.get_logger().warning("odd", plate="AB1234")

def test_traceback():
    with capture_logs():
        structlog.get_logger().error("failed", route=ValueError("/t/{TOKEN}"))

def test_process_file(tmp_path):
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", "print('AB1234 is ready')"], stdout=log)

def test_process_pipe():
    subprocess.run([sys.executable, "-c", "print('61234567')"], capture_output=True)

@pytest.mark.shows_secrets
def test_shown():
    print("http://127.0.0.1/t/{TOKEN}")
"""


@pytest.mark.shows_secrets
def test_a_test_that_logs_a_secret_fails_wherever_it_went(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_logs.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rE", "-p", "no:xdist", "-p", "no:cov", "."],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = run.stdout.decode()
    failed = {"printed": "phone", "captured": "plate", "traceback": "token"}
    failed |= {"process_file": "plate", "process_pipe": "phone"}
    for name, kind in failed.items():
        assert f"ERROR test_logs.py::test_{name} - logged a {kind}:" in said, said
    assert said.count("ERROR test_logs.py") == len(failed)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"event": "x", "phone": "+50761234567"}', {"phone"}),
        ("sent to 61234567.", {"phone"}),
        ("plate=AB1234", {"plate"}),
        (f"GET /t/{TOKEN} 500", {"token"}),
        (f"valet={TOKEN}{TOKEN[1:]}", {"token"}),
        ("2026-11-23T08:03:46+00:00 H-0427 visit_begun em4100:0A00000001", set()),
        ("0193a5c0-7f3e-7cc1-8000-4f1c61234567", set()),
        ("a_function_name_of_ours report_schedule_changed", set()),
        ("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", set()),
    ],
)
def test_what_is_a_secret_and_what_is_not(text: str, kinds: set[str]) -> None:
    assert {kind for kind, _ in secrets_in(text)} == kinds


def test_what_was_found_is_not_told_again() -> None:
    ((_, line),) = secrets_in("to +50761234567 now")
    assert line == "to … now"
