"""A PN532 made of software, on its serial line, with some of the faults of the field.

It takes one command a line on its input and answers each with one line, once it is carried out:

| command                              | what happens                                      |
| ------------------------------------ | ------------------------------------------------- |
| `{"tag":"nfca:…","hold_ms":300}`     | the tag lies on it for that long                  |
| `{"put":"nfca:…"}`                   | it is laid on it and stays                        |
| `{"remove":"nfca:…"}`                | it is taken away; with `true`, all of them are    |
| `{"raw":"0000FF…"}`                  | these bytes are sent as they are                  |
| `{"unplug":true}`, `{"plug":true}`   | the device loses its power, has it again          |
| `{"fault":"no_ack","count":3}`       | the next 3 commands suffer from it                |

A tag may be an object, see `emulators/tags/spec.py`. Faults:

| fault          | what happens                                                            |
| -------------- | ----------------------------------------------------------------------- |
| `no_ack`       | the command is carried out and answered, but not acknowledged           |
| `late_ack`     | the ACK, and the answer with it, come 400 ms late                       |
| `nack`         | a NACK, and nothing is carried out                                      |
| `error_frame`  | ACK, and then the error frame: nothing is carried out                   |
| `silence`      | the command is not heard                                                |
| `split`        | the answer comes in two parts, 30 ms apart                              |
| `stray`        | other bytes stand before the ACK and before the answer                  |
| `bad_dcs`      | the checksum of the answer is wrong; a NACK brings it again             |
| `truncated`    | half of the answer is lost; a NACK brings it again                      |
| `stale_answer` | what was answered last stands before the ACK                            |
| `stuck_baud`   | at once: the chip is at 921600 baud, as a program that was killed left it |
| `brown_out`    | at once: the chip starts anew                                           |

A pty has no baud rate: the emulator looks up which one the station has set, and hears nothing at
another than its own.
"""

from __future__ import annotations

import termios
import threading
from collections import deque
from collections.abc import Callable

from reader_agent.clock import Clock
from reader_agent.drivers.pn532_frame import (
    ACK,
    ERROR,
    FROM_CHIP,
    FROM_HOST,
    NACK,
    Frame,
    Kind,
    PN532Parser,
    encode,
)
from reader_agent.emulators.asked_device import AskedDevice, Deed
from reader_agent.emulators.command_lines import hold_ms_of
from reader_agent.emulators.pn532_firmware import BAUDS, Endless, Firmware
from reader_agent.emulators.pn532_radio import Radio
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.spec import Drawer

FAULTS = (
    "no_ack",
    "late_ack",
    "nack",
    "error_frame",
    "silence",
    "split",
    "stray",
    "bad_dcs",
    "truncated",
    "stale_answer",
    "stuck_baud",
    "brown_out",
)
ACK_S = 0.00015
LATE_S = 0.4
SPLIT_S = 0.03
STUCK_BAUD = 921600
STRAY = bytes.fromhex("1C0000FF42FE")
BYTES_TO_WAKE = 5
"""What is lost on a sleeping chip until its oscillator swings: assumed."""

_BAUD_OF = {getattr(termios, f"B{baud}"): baud for baud in BAUDS if hasattr(termios, f"B{baud}")}


class PN532Emulator(AskedDevice):
    """One chip on one line. `timing` stretches the time that it takes; 0 is none at all."""

    own_commands = "tag, put, remove"

    def __init__(self, line: PtyLine, clock: Clock, *, timing: float = 1.0) -> None:
        super().__init__(line, clock, FAULTS)
        self._timing = timing
        self._parser = PN532Parser(FROM_HOST)
        self._drawer = Drawer()
        self.firmware = Firmware(Radio())
        self.commands: deque[bytes] = deque(maxlen=1000)
        """What it was told, code and parameters, in order."""
        self._waiting: bytes | None = None
        self._turn = 0
        self._last_answer = b""
        self._never = threading.Event()

    def put(self, spec: object) -> None:
        """Lay a tag on it. Raises `BadCommand`."""
        tag = self._drawer.take(spec)
        self._server.call(lambda: self._lay(tag))

    def remove(self, spec: object = None) -> None:
        """Take a tag away; without a name, all of them. Raises `BadCommand`."""
        tag = None if spec is None else self._drawer.take(spec)
        self._server.call(lambda: self._take_away(tag))

    def present(self, spec: object, hold_ms: int) -> None:
        """Lay a tag on it and take it away after `hold_ms`. Raises `BadCommand`."""
        tag = self._drawer.take(spec)
        self._server.call(lambda: self._lay(tag))
        self._never.wait(hold_ms / 1000)
        self._server.call(lambda: self._take_away(tag))

    def _own_command(self, command: object) -> Deed | None:
        match command:
            case {"tag": spec, **rest}:
                hold_ms = hold_ms_of(rest)
                return "tag", lambda: self.present(spec, hold_ms)
            case {"put": spec}:
                return "put", lambda: self.put(spec)
            case {"remove": True}:
                return "remove", self.remove
            case {"remove": spec}:
                return "remove", lambda: self.remove(spec)
        return None

    # What lies on it

    def _lay(self, model: TagModel) -> None:
        radio = self.firmware.radio
        if any(tag.model is model for tag in radio.tags):
            return
        radio.tags.append(RadioTag(model))
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._carry_out(waiting, 0.0)

    def _take_away(self, model: TagModel | None) -> None:
        radio = self.firmware.radio
        gone = [tag for tag in radio.tags if model is None or tag.model is model]
        for tag in gone:
            tag.field_off()
            radio.tags.remove(tag)

    def _lose_power(self) -> None:
        self._stop_command()
        self.firmware.reset()
        self._parser = PN532Parser(FROM_HOST)

    def _order(self, name: str, count: int) -> None:
        if name == "stuck_baud" and count:
            self._stop_command()
            self.firmware.baud = STUCK_BAUD
        elif name == "brown_out" and count:
            self._lose_power()
        else:
            super()._order(name, count)

    # What the station says

    def _on_bytes(self, data: bytes) -> None:
        baud = self._baud_of_station()
        if baud != self.firmware.baud and baud != self.firmware.new_baud:
            return
        if self.firmware.is_asleep:
            self.firmware.is_asleep = False
            data = data[BYTES_TO_WAKE:]
        now_ns = self._clock.mono_ns()
        for frame in [*self._parser.tick(now_ns), *self._parser.feed(data, now_ns)]:
            self._hear(frame)

    def _baud_of_station(self) -> int | None:
        fileno = self._line.fileno()
        # The master's settings are those of the other end.
        return None if fileno is None else _BAUD_OF.get(termios.tcgetattr(fileno)[5])

    def _hear(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.ACK:
                self._stop_command()
                self.firmware.change_baud()
            case Kind.NACK:
                self._line.write(self._last_answer)
            case Kind.DATA:
                self._stop_command()
                self.firmware.change_baud()
                self.commands.append(frame.data)
                self._take(frame)

    def _stop_command(self) -> None:
        self._turn += 1
        self._waiting = None

    def _take(self, frame: Frame) -> None:
        strikes = self._faults.strikes
        if strikes("silence"):
            return
        if strikes("stale_answer"):
            self._line.write(self._last_answer)
        if strikes("nack"):
            self._line.write(NACK)
            return
        stray = STRAY if strikes("stray") else b""
        late_s = LATE_S if strikes("late_ack") else 0.0
        acknowledgement = b"" if strikes("no_ack") else ACK
        delay_s = ACK_S * self._timing + late_s
        self._later(delay_s, lambda: self._line.write(stray + acknowledgement + stray))
        if strikes("error_frame"):
            self._later(delay_s, lambda: self._line.write(ERROR))
        else:
            self._carry_out(frame.data, delay_s)

    def _carry_out(self, command: bytes, delay_s: float) -> None:
        try:
            said = self.firmware.answer(command)
        except Endless:
            self._waiting = command
            return
        answer = ERROR if said is None else encode(FROM_CHIP, bytes([command[0] + 1]) + said)
        delay_s += self.firmware.busy_s * self._timing
        self._later(delay_s, lambda: self._answer(answer))

    def _answer(self, answer: bytes) -> None:
        self._last_answer = answer
        strikes = self._faults.strikes
        if strikes("bad_dcs"):
            self._line.write(answer[:-2] + bytes([answer[-2] ^ 1]) + answer[-1:])
        elif strikes("truncated"):
            self._line.write(answer[: len(answer) // 2 + 2])
        elif strikes("split"):
            half = len(answer) // 2
            self._line.write(answer[:half])
            self._server.after(SPLIT_S, lambda: self._line.write(answer[half:]))
        else:
            self._line.write(answer)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do it in a while, unless the station has said something else by then."""
        turn = self._turn
        if delay_s < 0.001:
            # Shorter than what the thread can wait for; and in order with what is not.
            self._never.wait(delay_s)
            action()
            return
        self._server.after(delay_s, lambda: action() if turn == self._turn else None)
