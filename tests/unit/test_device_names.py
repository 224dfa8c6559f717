"""Which devices a machine has, and which of their names stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reader_agent.device_names import find_devices, has_serial_console, holders, is_running


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """A folder like /dev, with two CH340 adapters, one FTDI, and SPI."""
    folder = tmp_path / "dev"
    (folder / "serial" / "by-path").mkdir(parents=True)
    (folder / "serial" / "by-id").mkdir()
    for name in ("ttyUSB0", "ttyUSB1", "ttyUSB2", "spidev0.0", "null", "tty1"):
        (folder / name).touch()
    by_path, by_id = folder / "serial" / "by-path", folder / "serial" / "by-id"
    (by_path / "platform-usb-0:1.3:1.0-port0").symlink_to(folder / "ttyUSB0")
    (by_id / "usb-1a86_USB_Serial-if00-port0").symlink_to(folder / "ttyUSB1")
    (by_id / "usb-FTDI_FT232R_A50285BI-if00-port0").symlink_to(folder / "ttyUSB2")
    (folder / "valet-em125").symlink_to(folder / "ttyUSB0")
    return folder


def test_every_device_that_may_be_a_readers_is_found_and_no_other(dev: Path) -> None:
    found = [device.path.name for device in find_devices(dev)]
    assert found == ["spidev0.0", "ttyUSB0", "ttyUSB1", "ttyUSB2"]


def test_our_own_name_comes_before_the_socket_and_the_number(dev: Path) -> None:
    spi, first, _, third = find_devices(dev)
    assert first.name == str(dev / "valet-em125")
    assert [link.name for link in first.links] == ["valet-em125", "platform-usb-0:1.3:1.0-port0"]
    assert third.name.endswith("usb-FTDI_FT232R_A50285BI-if00-port0")
    assert spi.name == str(dev / "spidev0.0")


def test_a_name_that_all_adapters_of_a_kind_share_is_pointed_out(dev: Path) -> None:
    assert [device.has_shared_name for device in find_devices(dev)] == [False, False, True, False]


def test_only_spi_devices_are_for_spi(dev: Path) -> None:
    assert [device.is_spi for device in find_devices(dev)] == [True, False, False, False]


def test_a_link_to_a_device_elsewhere_is_found_too(dev: Path, tmp_path: Path) -> None:
    pty = tmp_path / "pts-7"
    pty.touch()
    (dev / "valet-pn532").symlink_to(pty)
    assert [d.path for d in find_devices(dev) if d.name.endswith("valet-pn532")] == [pty]


def test_a_link_that_leads_nowhere_is_no_device(dev: Path) -> None:
    (dev / "valet-gone").symlink_to(dev / "ttyUSB9")
    assert all("gone" not in device.name for device in find_devices(dev))


def test_who_has_a_device_open_is_named(dev: Path) -> None:
    device = dev / "ttyUSB0"
    assert holders(device) == []
    with device.open("rb"):
        assert any(str(os.getpid()) in holder for holder in holders(device))


def test_a_process_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "812").mkdir()
    (tmp_path / "812" / "comm").write_text("ModemManager\n")
    assert is_running("ModemManager", tmp_path)
    assert not is_running("getty", tmp_path)


@pytest.mark.parametrize(
    ("words", "has_one"),
    [
        ("console=serial0,115200 console=tty1 root=PARTUUID=1", True),
        ("console=ttyAMA0,115200 root=PARTUUID=1", True),
        ("console=tty1 root=PARTUUID=1", False),
    ],
)
def test_a_kernel_console_on_the_header_is_seen(
    tmp_path: Path, words: str, *, has_one: bool
) -> None:
    cmdline, header = tmp_path / "cmdline", tmp_path / "serial0"
    cmdline.write_text(words)
    assert not has_serial_console(cmdline, header)
    header.touch()
    assert has_serial_console(cmdline, header) is has_one


def test_without_a_command_line_of_the_kernel_there_is_no_console(tmp_path: Path) -> None:
    assert not has_serial_console(tmp_path / "none", tmp_path)
