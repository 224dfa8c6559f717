"""An emulated RC522 without threads and sockets, on a clock that moves only with the transfers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reader_agent.cards.conversation import Card, Talk
from reader_agent.clock import FakeClock
from reader_agent.drivers.rc522_card import talk_to
from reader_agent.drivers.rc522_chip import Chip
from reader_agent.drivers.rc522_field import Field
from reader_agent.drivers.rc522_session import Session
from reader_agent.drivers.reader import Listener
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.spec import make_tag
from reader_agent.presence import Arrival, Departure

TRANSFER_S = 0.00005
"""One transfer of a Python program on a Pi, more or less."""
POLL_S = 0.125


class DirectRegisters:
    """The registers of an emulator, each transfer taking its time on the fake clock."""

    def __init__(self, emulator: RC522Emulator, clock: FakeClock) -> None:
        self._emulator = emulator
        self._clock = clock
        self.resets = 0

    def read(self, reg: int) -> int:
        return self.read_many(reg, 1)[0]

    def read_many(self, reg: int, count: int) -> bytes:
        self._clock.advance(TRANSFER_S)
        return self._emulator.transfer(bytes([reg << 1 | 0x80]) * count + b"\x00")[1:]

    def write(self, reg: int, *values: int) -> None:
        self._clock.advance(TRANSFER_S)
        self._emulator.transfer(bytes([reg << 1, *values]))

    def pulse_reset(self) -> None:
        self.resets += 1
        self._emulator.pulse_reset()

    def close(self) -> None:
        pass


@dataclass
class Stage:
    """A chip with its emulator, and a session of the reader on it."""

    clock: FakeClock = field(default_factory=FakeClock)
    arrivals: list[Arrival] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.emulator = RC522Emulator(Path("/nowhere"), self.clock)
        self.registers = DirectRegisters(self.emulator, self.clock)
        self.chip = Chip(self.registers, pause=self.clock.advance)
        listener = Listener(self.arrivals.append, self.departures.append)
        self.field = Field("counter", listener, POLL_S)
        self.session = Session(
            "/nowhere", self.chip, self.field, self.clock, pause=self.clock.advance
        )

    def put(self, spec: object) -> TagModel:
        """Lay a tag on the reader."""
        tag = make_tag(spec)
        self.emulator.put(tag)
        return tag

    def turns(self, count: int) -> None:
        """Let the reader go round so often."""
        for _ in range(count):
            self.session.turn()
            self.clock.advance(POLL_S)

    def turn_until(self, is_so: Callable[[], bool], most: int = 60) -> None:
        """Go round until it is so; fails after `most` turns."""
        for _ in range(most):
            if is_so():
                return
            self.turns(1)
        assert is_so()

    def talk(self, uid: str, talk: Callable[[Card], Talk[Any]]) -> Any:
        """Run a conversation with a card."""
        return talk_to(self.chip, bytes.fromhex(uid), talk, pause=self.clock.advance)

    @property
    def tags(self) -> list[str]:
        """The tags that arrived, in their order."""
        return [arrival.tag for arrival in self.arrivals]
