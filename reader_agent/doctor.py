"""What is wrong with a station's readers, in words that a technician understands."""

from __future__ import annotations

import grp
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reader_agent.device_names import Device, find_devices, has_serial_console, holders, is_running
from reader_agent.drivers.port_watch import PORT_BUSY, PORT_FORBIDDEN, PORT_MISSING, READER_SILENT
from reader_agent.drivers.rc522_registers import HINT
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.reader_probe import Answer

SERIAL_GROUP = "dialout"
SPI_GROUP = "spi"


@dataclass(slots=True)
class Finding:
    """One device: the name to write into a configuration, what answers, and what is wrong."""

    device: str
    name: str
    configured: str | None = None
    answer: Answer = field(default_factory=Answer)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> dict[str, object]:
        """As one JSON line."""
        return {
            "device": self.device,
            "name": self.name,
            "configured": self.configured,
            "answers": self.answer.family,
            "chip": self.answer.chip,
            "wrong": self.wrong,
        }


class Probe(Protocol):
    """Finds out what is on a device."""

    def __call__(self, device: Device, expected: str | None, /) -> Answer:
        """Ask it, as the `expected` family first; None where no configuration names one."""


def examine(
    configured: Sequence[ReaderConfig], only: Sequence[str], probe: Probe, dev: Path = Path("/dev")
) -> list[Finding]:
    """Look at every device that there is or should be; at `only` these where some are given."""
    family_of = {str(Path(config.device).resolve()): config.family for config in configured}
    devices = [Device(Path(name)) for name in only] if only else find_devices(dev)
    seen = {str(device.path.resolve()) for device in devices}
    if not only:
        missing = (Path(c.device) for c in configured if str(Path(c.device).resolve()) not in seen)
        devices += [Device(path) for path in missing]
    return [_examine_one(device, family_of, probe) for device in devices]


def general_faults(configured: Sequence[ReaderConfig]) -> list[str]:
    """What is wrong with the machine rather than with one device."""
    wrong = []
    if is_running("ModemManager"):
        wrong.append(
            "ModemManager is running and sends modem commands to new serial ports: give our udev "
            'rules ENV{ID_MM_DEVICE_IGNORE}="1", or: sudo systemctl disable --now ModemManager'
        )
    if has_serial_console():
        wrong.append(
            "the kernel's console is on the header's serial port, so no reader can be there: "
            "sudo raspi-config nonint do_serial_cons 1, then restart"
        )
    wants_spi = any(Device(Path(config.device)).is_spi for config in configured)
    if wants_spi and not any(device.is_spi for device in find_devices()):
        wrong.append(
            "an rc522 is configured but there is no /dev/spidev*: SPI is off; "
            "sudo raspi-config nonint do_spi 0, then restart"
        )
    return wrong


def _examine_one(device: Device, family_of: dict[str, str], probe: Probe) -> Finding:
    expected = family_of.get(str(device.path.resolve()))
    finding = Finding(str(device.path), device.name, expected)
    if not device.path.exists():
        finding.wrong.append(_in_words(PORT_MISSING, device))
        return finding
    if not os.access(device.path, os.R_OK | os.W_OK):
        finding.wrong.append(_in_words(PORT_FORBIDDEN, device))
        return finding
    finding.answer = probe(device, expected)
    if finding.answer.fault is not None:
        finding.wrong.append(_in_words(finding.answer.fault, device))
        return finding
    finding.wrong += _mismatch(expected, finding.answer)
    if device.has_shared_name:
        finding.wrong.append(
            "its name is shared by every adapter of this kind, and the last one plugged in gets "
            "it: name the socket instead, see firmware_notes/em125.md"
        )
    return finding


def _mismatch(expected: str | None, answer: Answer) -> list[str]:
    if expected is None or answer.family == expected:
        return []
    if answer.family is not None:
        return [f"configured as {expected}, but a {answer.family} answers: are two plugs swapped?"]
    if expected in ("em125", "scanner"):
        return [
            f"nothing was read in this time: a {expected} only talks when it reads something; "
            "run this again and hold a tag or code to it"
        ]
    if expected == "rc522":
        return [f"no rc522 answers: {HINT[READER_SILENT]}"]
    return [
        f"no {expected} answers: check its power, that TX goes to RX and RX to TX, and the "
        "switches that set its mode"
    ]


def _in_words(fault: str, device: Device) -> str:
    group = SPI_GROUP if device.is_spi else SERIAL_GROUP
    if fault == PORT_MISSING:
        return "there is no such device: is it plugged in, and does its udev rule name this socket?"
    if fault == PORT_FORBIDDEN:
        return f"this user may not open it: sudo usermod -aG {group} $USER, then sign in again" + (
            "" if _is_in(group) else f" (the user is not in the group {group})"
        )
    if fault == PORT_BUSY:
        who = ", ".join(holders(device.path)) or "a process of another user"
        return f"another process has it open: {who}; only one can read it"
    hint = HINT.get(fault) if device.is_spi else None
    return hint or f"it cannot be used as a reader's port ({fault})"


def _is_in(group: str) -> bool:
    try:
        return grp.getgrnam(group).gr_gid in os.getgroups()
    except KeyError:
        return False
