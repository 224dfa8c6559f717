"""The emulated RC522 from outside: its commands, its socket and its link."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reader_agent.clock import SystemClock
from reader_agent.drivers.rc522_device import open_registers
from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.pty_line import LinkError
from reader_agent.emulators.rc522 import FAULTS, RC522Emulator
from tests.rc522_station import Station, obey


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-rc522"


@pytest.fixture
def emulator(device: Path) -> Iterator[RC522Emulator]:
    chip = RC522Emulator(device, SystemClock())
    chip.start()
    yield chip
    chip.stop()


@pytest.mark.parametrize(
    "command",
    [
        "what?",
        "[]",
        "{}",
        '{"put":"em4100:010063E9AE"}',
        '{"put":{"model":"ntag215"}}',
        '{"tag":"nfca:3D99C723","hold_ms":-1}',
        '{"remove":false}',
        '{"fault":"gremlins"}',
        '{"fault":"noise","count":0}',
        '{"fault":"noise","count":"many"}',
        '{"raw":"00"}',
    ],
)
def test_the_emulator_answers_nonsense_with_an_error(emulator: RC522Emulator, command: str) -> None:
    with pytest.raises(BadCommand):
        emulator.obey(command.encode())


@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_fault_can_be_commanded(emulator: RC522Emulator, fault: str) -> None:
    assert obey(emulator, {"fault": fault, "count": 1}) == "fault"


def test_a_link_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="cannot be made"):
        RC522Emulator(tmp_path / "no" / "folder", SystemClock()).start()
    (tmp_path / "file").touch()
    with pytest.raises(LinkError, match="is not a link"):
        RC522Emulator(tmp_path / "file", SystemClock()).start()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_station_that_talks_nonsense_to_the_socket_harms_nobody(
    emulator: RC522Emulator, device: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(device.resolve()))
        rude.sendall(b"\x07\x00\x01x")
        assert rude.recv(16) == bytes([errno.EINVAL, 0, 0])
        rude.sendall(b"\x00\xff")
    it = Station(device)
    it.wait_for(it.is_well)
    it.reader.close()


def test_the_path_of_a_link_may_be_longer_than_that_of_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    chip = RC522Emulator(folder / "rc522", SystemClock())
    chip.start()
    open_registers(str(folder / "rc522"), 22, 1_000_000).close()
    chip.stop()
    assert list(folder.iterdir()) == []
