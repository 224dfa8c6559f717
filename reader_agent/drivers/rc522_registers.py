"""The way to the registers of an MFRC522, and what to say where there is none.

A chip on a Raspberry Pi is reached through the package `mfrc522`, an emulated one through a Unix
socket. Everything above needs only `Registers`.
"""

from __future__ import annotations

import errno
from typing import Protocol

from reader_agent.drivers.port_watch import (
    PORT_BUSY,
    PORT_FAILED,
    PORT_FORBIDDEN,
    PORT_LOST,
    PORT_MISSING,
    READER_SILENT,
)

PACKAGE_MISSING = "package_missing"
NOT_A_PI = "not_a_pi"
GPIO_FAILED = "gpio_failed"

HINT = {
    PORT_MISSING: "no such device yet; it is opened as soon as it appears. On a Pi: turn SPI on "
    "with raspi-config, or with dtparam=spi=on in config.txt",
    PORT_BUSY: "another process holds the SPI device",
    PORT_FORBIDDEN: "no permission; the user must be in the groups spi and gpio",
    PORT_LOST: "the SPI bus failed or went away; it is opened again as soon as it is back",
    PORT_FAILED: "this is no SPI device: write /dev/spidev0.0, or the socket of an emulator",
    READER_SILENT: "SPI is open but no MFRC522 answers: check SDA, SCK, MOSI, MISO, 3.3 V and RST",
    PACKAGE_MISSING: "install the package: pip install --no-deps mfrc522==0.0.7, and spidev",
    NOT_A_PI: "RPi.GPIO does not know this machine. On a Pi 5 take rpi-lgpio in its place; "
    "elsewhere give the socket of an emulator",
    GPIO_FAILED: "the reset pin cannot be used: on a Pi 5 take rpi-lgpio in place of RPi.GPIO, "
    "and see that no overlay holds the pin (gpioinfo names who does)",
}
"""What to do, by fault."""

_FAULT_OF_ERRNO = {
    errno.ENOENT: PORT_MISSING,
    errno.ENODEV: PORT_MISSING,
    errno.ENXIO: PORT_MISSING,
    errno.ECONNREFUSED: PORT_MISSING,
    errno.EAGAIN: PORT_BUSY,
    errno.EBUSY: PORT_BUSY,
    errno.EACCES: PORT_FORBIDDEN,
    errno.EPERM: PORT_FORBIDDEN,
}


class Registers(Protocol):
    """An open chip. Every method raises `OSError` when the bus fails."""

    def read(self, reg: int) -> int:
        """One register."""

    def read_many(self, reg: int, count: int) -> bytes:
        """The same register so many times: the FIFO."""

    def write(self, reg: int, *values: int) -> None:
        """One register, several times where several values are given: the FIFO."""

    def pulse_reset(self) -> None:
        """Pull the reset pin low for a moment. Does nothing where it is not wired."""

    def close(self) -> None:
        """Give the device back."""


class OpenError(Exception):
    """The chip cannot be reached. `fault` says why, for the health and for `HINT`."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail


def fault_of(error: OSError) -> str:
    """The fault of a device that did not let itself be opened."""
    return _FAULT_OF_ERRNO.get(error.errno or 0, PORT_FAILED)
