"""What systemd is told, and when there is nobody to tell."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from booth_ui.sd_notify import ALIVE, READY, notify, watchdog_period_s


def listening_at(name: str) -> socket.socket:
    """A socket that takes datagrams at `name`."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(name)
    listener.settimeout(5)
    return listener


def test_a_state_reaches_the_socket_of_the_environment(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening_at(path) as listener:
        assert notify(READY, {"NOTIFY_SOCKET": path})
        assert listener.recv(64) == b"READY=1"


def test_an_abstract_name_is_understood() -> None:
    name = f"valet-test-{os.getpid()}"
    with listening_at(f"\0{name}") as listener:
        assert notify(ALIVE, {"NOTIFY_SOCKET": f"@{name}"})
        assert listener.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1"}])
def test_without_a_socket_nothing_is_sent(environment: dict[str, str]) -> None:
    assert not notify(READY, environment)


def test_a_socket_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    assert not notify(READY, {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    environment: dict[str, str], period_s: float | None
) -> None:
    assert watchdog_period_s(environment) == period_s
