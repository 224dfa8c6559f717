"""The devices of this machine on which a reader can be, and the names that stay theirs.

`/dev/ttyUSB0` changes with the order of plugging in. What stays is a link: one of our own udev
rules (`/dev/valet-*`), the socket that a plug is in (`/dev/serial/by-path`), or the adapter's
serial number (`/dev/serial/by-id`). CH340 adapters have no serial number: all of them share one
name there, which then belongs to whichever was plugged in last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEVICES = ("ttyUSB*", "ttyACM*", "ttyAMA*", "serial0", "spidev*")
LINKS = ("valet-*", "serial/by-path/*", "serial/by-id/*")
SERIAL_CONSOLES = ("console=serial0", "console=ttyAMA0", "console=ttyS0")
_NO_NUMBER = "usb-1a86_"
"""WCH, the maker of the CH340, as udev writes it into a name."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device node; `links` are the stable names that lead to it, the best one first."""

    path: Path
    links: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What to write into a configuration."""
        return str(self.links[0] if self.links else self.path)

    @property
    def is_spi(self) -> bool:
        """Whether this is an SPI device, as an RC522 needs, and no serial port."""
        return self.path.name.startswith("spidev")

    @property
    def has_shared_name(self) -> bool:
        """Whether its only stable name is one that every adapter of its kind has."""
        return bool(self.links) and all(link.name.startswith(_NO_NUMBER) for link in self.links)


def find_devices(dev: Path = Path("/dev")) -> list[Device]:
    """Every device that may be a reader's, by path; `dev` is the folder of the device nodes."""
    nodes = {node.resolve(): node for node in _matching(dev, DEVICES)}
    links: dict[Path, list[Path]] = {}
    for link in _matching(dev, LINKS):
        target = link.resolve()
        if target.exists():
            links.setdefault(target, []).append(link)
            nodes.setdefault(target, target)
    return [Device(node, tuple(links.get(target, ()))) for target, node in sorted(nodes.items())]


def holders(path: Path, proc: Path = Path("/proc")) -> list[str]:
    """Who has the device open: `name (pid)` of each process that we may look into."""
    target = path.resolve()
    return [
        f"{_name_of(process)} ({process.name})"
        for process in sorted(proc.glob("[0-9]*"))
        if _has_open(process, target)
    ]


def is_running(name: str, proc: Path = Path("/proc")) -> bool:
    """Whether a process of this name runs."""
    return any(_name_of(process) == name for process in proc.glob("[0-9]*"))


def has_serial_console(
    cmdline: Path = Path("/proc/cmdline"), header: Path = Path("/dev/serial0")
) -> bool:
    """Whether the kernel talks on the header's UART, where a reader may be meant to be. Only a
    Raspberry Pi has one."""
    if not header.exists():
        return False
    try:
        words = cmdline.read_text(encoding="utf-8").split()
    except OSError:
        return False
    return any(word.startswith(SERIAL_CONSOLES) for word in words)


def _matching(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(folder.glob(pattern))


def _has_open(process: Path, target: Path) -> bool:
    try:
        return any(Path(link).resolve() == target for link in (process / "fd").iterdir())
    except OSError:
        # Somebody else's process, or one that has just ended.
        return False


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "?"
