"""Opens the device of an RC522 by its name."""

from __future__ import annotations

import re
from pathlib import Path

from reader_agent.drivers.port_watch import PORT_FAILED
from reader_agent.drivers.rc522_package import PackageRegisters
from reader_agent.drivers.rc522_registers import OpenError, Registers, fault_of
from reader_agent.drivers.rc522_socket import SocketRegisters

_SPI_NODE = re.compile(r"spidev(\d+)\.(\d+)")


def open_registers(device: str, reset_pin: int, speed_hz: int) -> Registers:
    """Open `device`: a node /dev/spidevB.D or a link to one, or the socket of an emulator.

    `reset_pin` counts the pins of the header. Raises `OpenError`.
    """
    path = Path(device).resolve()
    try:
        if path.is_socket():
            return SocketRegisters(path)
        bus = _SPI_NODE.fullmatch(path.name)
        if bus is None:
            raise OpenError(PORT_FAILED, f"{path} is neither")
        return PackageRegisters(path, int(bus[1]), int(bus[2]), reset_pin, speed_hz)
    except OSError as error:
        raise OpenError(fault_of(error), str(error)) from error
