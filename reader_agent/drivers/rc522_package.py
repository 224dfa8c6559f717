"""The registers of a real MFRC522, through the package `mfrc522` 0.0.7 on a Raspberry Pi.

Only the package's register access is used; its card functions are not (they wait busily, cut long
UIDs and check no CRC). What it does wrongly around them is put right here: its reset pin, its log
handlers, and what it leaves open. Nothing is imported before a device is opened, because off a Pi
the import itself fails.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from reader_agent.drivers.rc522_registers import (
    GPIO_FAILED,
    NOT_A_PI,
    PACKAGE_MISSING,
    OpenError,
)

BOARD, BCM = 10, 11
"""How RPi.GPIO calls its two ways of counting pins."""
RESET_PIN = 22
BCM_OF_PIN = {
    7: 4, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 22: 25, 29: 5, 31: 6,
    32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
"""The header's pins that may be a reset line. Not the UART's (8 and 10, which is GPIO15), which a
125 kHz reader may be on, and not those of SPI, I2C and the HAT's EEPROM."""
RESET_S = 0.001
WAKE_S = 0.05
_LOGGER = "mfrc522Logger"


class PackageRegisters:
    """One chip on /dev/spidevB.D. Raises `OpenError` where the package or the pin cannot be used,
    and `OSError` where the device cannot."""

    def __init__(self, node: Path, bus: int, device: int, reset_pin: int, speed_hz: int) -> None:
        self._lock = _lock(node)
        try:
            package = _import()
            self._gpio: Any = importlib.import_module("RPi.GPIO")
            self._pin = reset_pin
            self._chip = self._construct(package, bus, device, speed_hz)
        except BaseException:
            os.close(self._lock)
            raise

    def read(self, reg: int) -> int:
        """One register."""
        value: int = self._chip.Read_MFRC522(reg)
        return value

    def read_many(self, reg: int, count: int) -> bytes:
        """The same register so many times; the package has no burst."""
        return bytes(self._chip.Read_MFRC522(reg) for _ in range(count))

    def write(self, reg: int, *values: int) -> None:
        """One register, several times where several values are given."""
        for value in values:
            self._chip.Write_MFRC522(reg, value)

    def pulse_reset(self) -> None:
        """Pull the reset pin low for a moment and let the chip wake up again."""
        try:
            self._gpio.output(self._pin, 0)
            time.sleep(RESET_S)
            self._gpio.output(self._pin, 1)
        except Exception as error:
            # RuntimeError or lgpio.error, whose class cannot be named without the package.
            raise OSError(f"the reset pin failed: {error}") from error
        time.sleep(WAKE_S)

    def close(self) -> None:
        """Close SPI and give back the one pin that is ours, which the package would not do."""
        try:
            self._chip.spi.close()
            self._gpio.cleanup(self._pin)
        except Exception as error:
            raise OSError(f"SPI or the reset pin was not given back: {error}") from error
        finally:
            os.close(self._lock)

    def _construct(self, package: ModuleType, bus: int, device: int, speed_hz: int) -> Any:
        logger = logging.getLogger(_LOGGER)
        handlers = list(logger.handlers)
        # Made in two steps so that its SPI handle can be closed where its constructor fails.
        chip: Any = package.MFRC522.__new__(package.MFRC522)
        try:
            if self._gpio.getmode() == BCM:
                # Left to itself the package takes 15 here, which is the UART's input.
                self._pin = BCM_OF_PIN[self._pin]
            chip.__init__(bus, device, speed_hz, BOARD, self._pin)
        except Exception as error:
            if hasattr(chip, "spi"):
                chip.spi.close()
            if isinstance(error, OSError):
                raise
            raise OpenError(GPIO_FAILED, f"{type(error).__name__}: {error}") from error
        finally:
            # It adds one handler more at every construction.
            logger.handlers[:] = handlers
        return chip


def _import() -> ModuleType:
    try:
        return importlib.import_module("mfrc522")
    except ImportError as error:
        raise OpenError(PACKAGE_MISSING, str(error)) from error
    except RuntimeError as error:
        # "This module can only be run on a Raspberry Pi!"
        raise OpenError(NOT_A_PI, str(error)) from error
    except Exception as error:
        # Whatever else a GPIO library finds wrong while it is imported.
        raise OpenError(GPIO_FAILED, f"{type(error).__name__}: {error}") from error


def _lock(node: Path) -> int:
    """spidev lets any number of processes in, and two of them would garble each other's
    commands."""
    lock = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
