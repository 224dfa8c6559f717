"""Stand-ins for `spidev` and `RPi.GPIO`, so that the unmodified package `mfrc522` runs off a Pi.

They have what the package touches and no more: `SpiDev.open`, `max_speed_hz`, `xfer2`, `close`;
`getmode`, `setmode`, `setup`, `output`, `cleanup`. What was done with the pins is kept to be looked
at: the package's own choice of a reset pin is one of the things to be kept from happening.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

BOARD, BCM, OUT, IN = 10, 11, 0, 1
RESET_PIN = {BOARD: 22, BCM: 25}
_NAMES = ("mfrc522", "spidev", "RPi")


class Pins:
    """A header whose pin 22 (BCM 25) is the reset line. `refusal` is raised by whatever touches a
    pin, as by a GPIO library that cannot have it."""

    def __init__(self, set_reset_line: Callable[[bool], None] = lambda _high: None) -> None:
        self.mode: int | None = None
        self.outputs: dict[int, int] = {}
        self.cleaned: list[int | None] = []
        self.refusal: Exception | None = None
        self._set_reset_line = set_reset_line

    def getmode(self) -> int | None:
        """How pins are counted; None where nobody has said it."""
        return self.mode

    def setmode(self, mode: int) -> None:
        """Count the header's pins (BOARD) or the chip's (BCM)."""
        if self.mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self.mode = mode

    def setup(self, pin: int, _direction: int) -> None:
        """Make a pin an output."""
        self._refuse()
        if self.mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(...)")
        self.outputs.setdefault(pin, 0)

    def output(self, pin: int, level: int) -> None:
        """Drive a pin."""
        self._refuse()
        if pin not in self.outputs:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.outputs[pin] = level
        if self.mode is not None and pin == RESET_PIN[self.mode]:
            self._set_reset_line(bool(level))

    def cleanup(self, pin: int | None = None) -> None:
        """Give one pin back, or all of them and the way of counting."""
        self._refuse()
        self.cleaned.append(pin)
        if pin is None:
            self.outputs.clear()
            self.mode = None
        else:
            self.outputs.pop(pin, None)

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class Bus:
    """SPI with one device on it. `open_handles` is how many nobody has closed."""

    def __init__(self, transfer: Callable[[bytes], bytes]) -> None:
        self.transfer = transfer
        self.opened: list[tuple[int, int]] = []
        self.open_handles = 0
        self.is_there = True


class SpiDev:
    """What `spidev.SpiDev` is to the package."""

    bus: ClassVar[Bus]

    def __init__(self) -> None:
        self.max_speed_hz = 0
        self._is_open = False

    def open(self, bus: int, device: int) -> None:
        """Open /dev/spidev<bus>.<device>."""
        if not self.bus.is_there:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.bus.opened.append((bus, device))
        self.bus.open_handles += 1
        self._is_open = True

    def xfer2(self, values: Sequence[int]) -> list[int]:
        """One transfer with the chip selected throughout."""
        if not self._is_open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return list(self.bus.transfer(bytes(values)))

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self.bus.open_handles -= self._is_open
        self._is_open = False


@contextmanager
def stand_in(bus: Bus, pins: Pins) -> Iterator[None]:
    """Have `spidev` and `RPi.GPIO` for the length of the block, over this bus and these pins.

    The package is imported anew inside and forgotten behind, because it keeps what it imported.
    """
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    _forget()
    sys.modules.update(_modules(bus, pins))
    try:
        yield
    finally:
        _forget()
        sys.modules.update(before)


def _modules(bus: Bus, pins: Pins) -> dict[str, ModuleType]:
    spidev, package, gpio = ModuleType("spidev"), ModuleType("RPi"), ModuleType("RPi.GPIO")
    members: dict[ModuleType, dict[str, Any]] = {
        spidev: {"SpiDev": type("SpiDev", (SpiDev,), {"bus": bus})},
        gpio: {
            "BOARD": BOARD,
            "BCM": BCM,
            "OUT": OUT,
            "IN": IN,
            **{name: getattr(pins, name) for name in _FUNCTIONS},
        },
        package: {"GPIO": gpio, "__path__": []},
    }
    for module, names in members.items():
        vars(module).update(names)
    return {"spidev": spidev, "RPi": package, "RPi.GPIO": gpio}


_FUNCTIONS = ("getmode", "setmode", "setup", "output", "cleanup")


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _NAMES


def _forget() -> None:
    for name in [name for name in sys.modules if _is_ours(name)]:
        del sys.modules[name]
