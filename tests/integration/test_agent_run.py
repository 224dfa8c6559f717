"""`valet-agent run` as systemd sees it: says when it is ready, ends when told, explains."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.booth_process import ENDS_WITHIN_S, RunningBooth, free_port, settings, start


class Listener:
    """The datagrams that systemd would get."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def next(self) -> str:
        """The next one; fails when none comes."""
        return self._socket.recv(256).decode()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A NOTIFY_SOCKET."""
    listener = Listener(tmp_path / "notify")
    yield listener
    listener.close()


def test_it_ends_cleanly_within_three_seconds_even_with_a_screen_open(tmp_path: Path) -> None:
    with RunningBooth(tmp_path) as booth:
        screen = http.client.HTTPConnection("127.0.0.1", booth.port, timeout=60)
        screen.request("GET", "/watch")
        stream = screen.getresponse()
        assert stream.readline() == b"event: hb\n"

        began = time.monotonic()
        status, logged = booth.end()

        assert status == 0
        assert time.monotonic() - began < 3
        assert "Traceback" not in logged
        screen.close()


def test_ctrl_c_ends_it_as_well(tmp_path: Path) -> None:
    with RunningBooth(tmp_path) as booth:
        assert booth.end(signal.SIGINT)[0] == 0


def test_systemd_is_told_that_it_is_ready_alive_and_ending(
    tmp_path: Path, listener: Listener
) -> None:
    with RunningBooth(tmp_path, NOTIFY_SOCKET=str(listener.path), WATCHDOG_USEC="200000") as booth:
        assert listener.next() == "READY=1"
        assert [listener.next(), listener.next()] == ["WATCHDOG=1"] * 2
        booth.send(signal.SIGTERM)
        said = listener.next()
        while said == "WATCHDOG=1":
            said = listener.next()
        assert said == "STOPPING=1"


def test_every_fault_of_the_settings_is_told_at_once_without_a_trace(tmp_path: Path) -> None:
    config = tmp_path / "agent.env"
    config.write_text(
        settings(tmp_path, 8080, ROLE="garage", LETTER="hh", READERS="sonar:/dev/x"),
        encoding="utf-8",
    )

    process = start("--config", str(config))
    _, said = process.communicate(timeout=60)

    assert process.returncode == 2
    for name in ("VALET_AGENT_ROLE", "VALET_AGENT_LETTER", "VALET_AGENT_READERS"):
        assert name in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_told_in_words(tmp_path: Path) -> None:
    config = tmp_path / "agent.env"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(settings(tmp_path, taken.getsockname()[1]), encoding="utf-8")
        process = start("--config", str(config))
        _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "valet-agent:" in said
    assert "Traceback" not in said


def test_a_second_agent_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    with RunningBooth(tmp_path) as booth:
        config = tmp_path / "second.env"
        config.write_text(settings(tmp_path, free_port()), encoding="utf-8")
        process = start("--config", str(config))
        _, said = process.communicate(timeout=60)
        assert booth.is_answering()

    assert process.returncode == 1
    assert "Traceback" not in said


def test_a_disk_that_is_full_from_the_start_is_told_in_words(tmp_path: Path) -> None:
    config = tmp_path / "agent.env"
    config.write_text(settings(tmp_path, free_port()), encoding="utf-8")
    # No file may grow at all: the journal's first write fails as it does on a full disk.
    limited = "trap '' XFSZ; ulimit -f 0; exec \"$@\""
    agent = [sys.executable, "-m", "booth_ui.cli", "run", "--config", str(config)]
    # Measuring coverage writes a file too, and would complain of the same disk.
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        ["sh", "-c", limited, "sh", *agent],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=unmeasured,
    )

    assert done.returncode == 1
    assert "valet-agent:" in done.stderr
    assert "Traceback" not in done.stderr


def test_killed_in_the_middle_it_starts_again_on_the_same_journal(tmp_path: Path) -> None:
    with RunningBooth(tmp_path) as booth:
        booth.send(signal.SIGKILL)
        booth.process.wait(ENDS_WITHIN_S)
    with RunningBooth(tmp_path) as booth:
        assert booth.end()[0] == 0


def test_reading_tags_needs_no_web_framework() -> None:
    code = "import sys, booth_ui.cli; sys.exit('flask' in sys.modules or 'werkzeug' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tools_are_all_under_one_name() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "booth_ui.cli", "--help"], check=True, capture_output=True, text=True
    ).stdout

    for command in ("run", "read", "emulate", "key"):
        assert f"  {command} " in listed
