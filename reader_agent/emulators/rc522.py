"""An RC522 made of software, on a Unix socket, and what goes wrong with real ones.

It takes one command a line on its input and answers each with one line, once it is carried out:

| command                           | what happens                           | answer              |
| --------------------------------- | -------------------------------------- | ------------------- |
| `{"tag":"nfca:…","hold_ms":300}`  | the tag lies on it for that long       | `{"done":"tag"}`    |
| `{"put":"nfca:…"}`                | one more tag lies on it                | `{"done":"put"}`    |
| `{"remove":true}`                 | every tag is taken away                | `{"done":"remove"}` |
| `{"fault":"reads_00","count":20}` | see `FAULTS`                           | `{"done":"fault"}`  |
| `{"unplug":true}`                 | the device disappears                  | `{"done":"unplug"}` |
| `{"plug":true}`                   | it is there again, fresh from power-on | `{"done":"plug"}`   |

A tag is named as in `tags.spec`. What is not understood is answered with `{"error":"…"}`.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from reader_agent.clock import Clock
from reader_agent.drivers.rc522_map import ANTENNA, CRYPTO1_ON, Reg
from reader_agent.emulators.command_lines import HOLD_MS, BadCommand, from_json, hold_ms_of
from reader_agent.emulators.mfrc522 import MFRC522
from reader_agent.emulators.mfrc522_rf import Air, Moment
from reader_agent.emulators.spi_socket import SPISocket
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.spec import Drawer

ANOTHER_TAG = "nfca:46115D01"
MOST_COUNT = 1_000_000

FAULTS = {
    "reads_00": "so many transfers read 00: MISO is loose, or there is no power",
    "reads_ff": "so many transfers read FF",
    "spi_error": "so many transfers fail with EIO",
    "version_flips": "so many reads of the version have a bit wrong",
    "rst_low": "the reset line is low until the station pulses it",
    "chip_reset": "all registers are at their reset values, behind the station's back",
    "antenna_off": "the antenna bits are cleared",
    "crypto_stuck": "MFCrypto1On is set and nobody cleared it",
    "hung": "the chip takes what is written and does nothing, until it is reset",
    "bcc_wrong": "so many UID parts have a wrong XOR byte",
    "crc_wrong": "so many answers have a wrong CRC",
    "noise": "so many answers have a parity error",
    "weak_field": "only every so many requests are answered; 1 makes it well again",
    "two_tags": f"{ANOTHER_TAG} lies on it too",
    "waiting_time": "the tags ask for more time so often before each answer to an APDU",
    "slow_spi": "each transfer takes so many microseconds",
    **{f"leaves_{moment}": "the tags leave then, at the so-manieth time" for moment in Moment},
}
"""Faults by name; `count` is 1 where it is not given."""


class RC522Emulator:
    """A chip, its antenna and its bus, under the name `link` from `start` to `stop`.

    `transfer` may also be used directly, without a socket.
    """

    def __init__(self, link: Path, clock: Clock) -> None:
        self.air = Air()
        self.chip = MFRC522(self.air, clock.mono_ns)
        self.transfers = 0
        """How many transfers there have been."""
        self._clock = clock
        self._socket = SPISocket(link, self.transfer, self.pulse_reset)
        self._lock = threading.RLock()
        self._drawer = Drawer()
        self._never = threading.Event()
        self._left: dict[str, int] = {}
        self._slow_s = 0.0

    def start(self) -> None:
        """Plug it in. Raises `LinkError`."""
        self._socket.plug()

    def stop(self) -> None:
        """Unplug it."""
        self._socket.unplug()

    def transfer(self, data: bytes) -> bytes:
        """One SPI transfer, with what is wrong with the bus. An empty one only asks who is there.

        Raises `OSError`.
        """
        if not data:
            return b""
        if self._slow_s:
            self._never.wait(self._slow_s)
        with self._lock:
            self.transfers += 1
            if self._takes("spi_error"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            answer = self.chip.transfer(data)
            if self._takes("reads_00"):
                return bytes(len(data))
            if self._takes("reads_ff"):
                return b"\xff" * len(data)
            is_version = data[0] == Reg.VERSION << 1 | 0x80
            if is_version and self._takes("version_flips"):
                return bytes([answer[0], answer[1] ^ 0x04, *answer[2:]])
            return answer

    def pulse_reset(self) -> None:
        """Low and high again on the reset line."""
        self.set_reset_line(high=False)
        self.set_reset_line(high=True)

    def set_reset_line(self, *, high: bool) -> None:
        """Drive the reset line."""
        with self._lock:
            self.chip.set_reset_line(high=high)

    def put(self, model: TagModel) -> None:
        """Lay a tag on the reader, beside those that are there."""
        with self._lock:
            self.air.put(RadioTag(model))

    def remove(self) -> None:
        """Take every tag away."""
        with self._lock:
            self.air.remove_all()

    def present(self, model: TagModel, hold_ms: int = HOLD_MS) -> None:
        """Lay a tag on the reader and take all of them away after `hold_ms`."""
        self.put(model)
        self._never.wait(hold_ms / 1000)
        self.remove()

    def unplug(self) -> None:
        """Make the device disappear."""
        self._socket.unplug()

    def plug(self) -> None:
        """Make the device appear, with a chip that has just got its power."""
        if not self._socket.plugged:
            with self._lock:
                self.chip.reset()
            self._socket.plug()

    def fault(self, name: str, count: int = 1) -> None:
        """Let one of `FAULTS` happen."""
        with self._lock:
            if name.startswith("leaves_"):
                self.air.leave_at(Moment(name.removeprefix("leaves_")), count)
            elif name in _ON_THE_CHIP:
                _ON_THE_CHIP[name](self.chip)
            elif name in _IN_THE_AIR:
                _IN_THE_AIR[name](self.air, count)
            elif name == "slow_spi":
                self._slow_s = count / 1_000_000
            elif name == "two_tags":
                self.put(self._drawer.take(ANOTHER_TAG))
            else:
                self._left[name] = count

    def obey(self, text: bytes) -> str:
        """Carry out one command and return its name. Raises `BadCommand`."""
        name, act = self._understand(text)
        act()
        return name

    def _understand(self, text: bytes) -> tuple[str, Callable[[], None]]:
        match from_json(text):
            case {"tag": spec, **rest}:
                model, hold_ms = self._drawer.take(spec), hold_ms_of(rest)
                return "tag", lambda: self.present(model, hold_ms)
            case {"put": spec}:
                model = self._drawer.take(spec)
                return "put", lambda: self.put(model)
            case {"remove": True}:
                return "remove", self.remove
            case {"fault": str(name), **rest}:
                count = _count_of(name, rest.get("count", 1))
                return "fault", lambda: self.fault(name, count)
            case {"unplug": True}:
                return "unplug", self.unplug
            case {"plug": True}:
                return "plug", self.plug
        raise BadCommand("give tag, put, remove, fault, unplug or plug")

    def _takes(self, fault: str) -> bool:
        left = self._left.get(fault, 0)
        if left:
            self._left[fault] = left - 1
        return left > 0


def _count_of(fault: str, count: object) -> int:
    if fault not in FAULTS:
        raise BadCommand(f"fault is one of: {', '.join(FAULTS)}")
    if not isinstance(count, int) or not 1 <= count <= MOST_COUNT:
        raise BadCommand(f"count is a whole number from 1 to {MOST_COUNT}")
    return count


def _antenna_off(chip: MFRC522) -> None:
    chip.registers[Reg.TX_CONTROL] &= ~ANTENNA & 0xFF
    chip.air.field_off()


def _crypto_stuck(chip: MFRC522) -> None:
    chip.registers[Reg.STATUS2] |= CRYPTO1_ON


def _hung(chip: MFRC522) -> None:
    chip.is_hung = True


_ON_THE_CHIP: dict[str, Callable[[MFRC522], None]] = {
    "rst_low": lambda chip: chip.set_reset_line(high=False),
    "chip_reset": MFRC522.reset,
    "antenna_off": _antenna_off,
    "crypto_stuck": _crypto_stuck,
    "hung": _hung,
}


def _set(name: str) -> Callable[[Air, int], None]:
    return lambda air, count: setattr(air, name, count)


def _ask_for_time(air: Air, count: int) -> None:
    for tag in air.tags:
        tag.waits = count


_IN_THE_AIR: dict[str, Callable[[Air, int], None]] = {
    "bcc_wrong": _set("spoiled_bcc"),
    "crc_wrong": _set("spoiled_crc"),
    "noise": _set("noisy"),
    "weak_field": _set("weak_every"),
    "waiting_time": _ask_for_time,
}
