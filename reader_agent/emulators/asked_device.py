"""What all emulated devices on a serial line have in common that are asked and answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from reader_agent.clock import Clock
from reader_agent.emulators.command_lines import BadCommand, from_hex, from_json
from reader_agent.emulators.faults import Faults
from reader_agent.emulators.line_server import LineServer
from reader_agent.emulators.pty_line import PtyLine

Deed: TypeAlias = tuple[str, Callable[[], None]]
"""The name of a command and what carries it out."""


class AskedDevice(ABC):
    """One device on one line, with a thread of its own and faults by name.

    A kind of device says what its own commands are (`_own_command`, `own_commands` for the words
    of a refusal), what it does with bytes from the station, and what it forgets without power.
    """

    own_commands: str

    def __init__(self, line: PtyLine, clock: Clock, faults: Sequence[str]) -> None:
        self._line = line
        self._clock = clock
        self._faults = Faults(faults)
        self._server = LineServer(line, self._on_bytes, clock)

    def start(self) -> None:
        """Plug it in and serve. Raises `LinkError`."""
        self._server.start()

    def stop(self) -> None:
        """Unplug it and end its thread."""
        self._server.stop()

    def send(self, data: bytes) -> None:
        """Put bytes on the line as they are."""
        self._server.call(lambda: self._line.write(data))

    def unplug(self) -> None:
        """Make the device disappear; it loses its power."""
        self._server.call(self._go_dark)

    def plug(self) -> None:
        """Make the device appear. Raises `LinkError`."""
        self._server.call(self._line.plug)

    def fault(self, name: str, count: int = 1) -> None:
        """Let what it does next suffer from a fault; 0 ends it. Raises `BadCommand`."""
        checked = self._faults.check(name, count)
        self._server.call(lambda: self._order(name, checked))

    def obey(self, text: bytes) -> str:
        """Carry out one command and return its name. Raises `BadCommand`."""
        name, act = self._understand(from_json(text))
        act()
        return name

    def _understand(self, command: object) -> Deed:
        match command:
            case {"raw": str(digits)}:
                data = from_hex(digits)
                return "raw", lambda: self.send(data)
            case {"unplug": True}:
                return "unplug", self.unplug
            case {"plug": True}:
                return "plug", self.plug
            case {"fault": str(name), **rest}:
                count = self._faults.check(name, rest.get("count", 1))
                return "fault", lambda: self.fault(name, count)
        deed = self._own_command(command)
        if deed is None:
            raise BadCommand(f"give {self.own_commands}, raw, unplug, plug or fault")
        return deed

    def _go_dark(self) -> None:
        self._line.unplug()
        self._lose_power()

    def _order(self, name: str, count: int) -> None:
        self._faults.order(name, count)

    @abstractmethod
    def _own_command(self, command: object) -> Deed | None:
        """What a decoded command asks of this kind of device; None if nothing. Raises
        `BadCommand` where it is one of its own and wrong."""

    @abstractmethod
    def _on_bytes(self, data: bytes) -> None:
        """Hear what the station sends."""

    @abstractmethod
    def _lose_power(self) -> None:
        """Forget what is only kept while there is power."""
