"""A UHF module made of software: it answers, polls and hears tags as an R200 or M100 would.

It takes one command a line on its input and answers each with one line, once it is carried out:

| command                                            | what happens                           |
| -------------------------------------------------- | -------------------------------------- |
| `{"tag":"epc:…","rssi_dbm":-55,"hold_ms":300}`     | the tag is in the field for that long  |
| `{"put":"epc:…","rssi_dbm":-55}`                   | it comes, or its strength changes      |
| `{"remove":"epc:…"}`, `{"remove":true}`            | it goes; all of them go                |
| `{"raw":"BB02…"}`                                  | these bytes are sent as they are       |
| `{"unplug":true}`, `{"plug":true}`                 | the device disappears, appears         |
| `{"fault":"silence","count":3}`                    | the next 3 frames suffer from it       |

Faults: `silence` (the frame is not sent), `noise` (bytes before it), `bad_crc` (the CRC of a tag,
the checksum of any other frame), `truncated` (half of it), `busy` (all channels: an error 20
instead of what a poll found).

What no source tells is done in the way that is harder for a driver: while it polls it hears only
`stop`, and it never hears a frame with the other pair of header and end. As a module on USB it
loses its power with the plug: polling ends, region and power stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from reader_agent.clock import Clock
from reader_agent.drivers.r200 import (
    Command,
    Error,
    Frame,
    Kind,
    Pair,
    R200Parser,
    Region,
    encode,
    encode_tag,
)
from reader_agent.emulators.asked_device import AskedDevice, Deed
from reader_agent.emulators.command_lines import BadCommand, hold_ms_of
from reader_agent.emulators.pty_line import PtyLine
from schemas.tag_ids import TagIDError, parse_tag_id

FAULTS = ("silence", "noise", "bad_crc", "truncated", "busy")
ROUND_S = 0.028
"""Some 36 reads of one tag in a second were measured on a module."""
ANSWER_S = 0.002
RSSI_DBM = -55
NOISE = bytes.fromhex("00ff7ebb02aadd")
NAMES = {0: b"M100 26dBm V1.0", 1: b"V2.3.5", 2: b"MagicRf"}
MOST_POWER_CDBM = 2600
DONE = b"\x00"


class R200Emulator(AskedDevice):
    """One module on one line.

    `pair` is `bb` or `aa`. `timing` stretches its answers and its polling: 2.0 is half as fast,
    and 0 as fast as possible.
    """

    own_commands = "tag, put, remove"

    def __init__(
        self, line: PtyLine, clock: Clock, *, pair: str = "bb", timing: float = 1.0
    ) -> None:
        super().__init__(line, clock, FAULTS)
        self._pair = Pair(pair)
        self._timing = timing
        self._parser = R200Parser()
        self._field: dict[str, int] = {}
        self._polls_left = 0
        self._is_due = False
        self._never = threading.Event()
        self.region = int(Region.CHINA_900)
        """As it comes from the factory."""
        self.power_cdbm = MOST_POWER_CDBM

    @property
    def is_transmitting(self) -> bool:
        """Whether it is polling."""
        return self._polls_left > 0

    def put(self, tag_id: str, rssi_dbm: int = RSSI_DBM) -> None:
        """A tag comes into the field, or is heard with another strength."""
        self._server.call(lambda: self._field.update({tag_id: rssi_dbm}))

    def remove(self, tag_id: str | None = None) -> None:
        """A tag goes; without a name, all of them go."""
        gone = self._field.clear if tag_id is None else lambda: self._field.pop(tag_id, None)
        self._server.call(gone)

    def present(self, tag_id: str, rssi_dbm: int, hold_ms: int) -> None:
        """A tag comes and goes again after `hold_ms`."""
        self.put(tag_id, rssi_dbm)
        self._never.wait(hold_ms / 1000)
        self.remove(tag_id)

    def _own_command(self, command: object) -> Deed | None:
        match command:
            case {"tag": str(tag), **rest}:
                tag_id, rssi_dbm, hold_ms = _epc(tag), _rssi_dbm_of(rest), hold_ms_of(rest)
                return "tag", lambda: self.present(tag_id, rssi_dbm, hold_ms)
            case {"put": str(tag), **rest}:
                tag_id, rssi_dbm = _epc(tag), _rssi_dbm_of(rest)
                return "put", lambda: self.put(tag_id, rssi_dbm)
            case {"remove": str(tag)}:
                tag_id = _epc(tag)
                return "remove", lambda: self.remove(tag_id)
            case {"remove": True}:
                return "remove", self.remove
        return None

    def _lose_power(self) -> None:
        self._parser.forget()
        self._polls_left = 0

    def _on_bytes(self, data: bytes) -> None:
        for frame in self._parser.feed(data, self._clock.mono_ns()):
            if frame.kind is Kind.COMMAND and frame.pair is self._pair:
                self._carry_out(frame)

    def _carry_out(self, frame: Frame) -> None:
        if frame.command == Command.STOP:
            self._polls_left = 0
        elif self.is_transmitting:
            return
        if frame.command == Command.POLL:
            self._later(lambda: self._poll(Command.POLL))
        elif frame.command == Command.POLL_MANY and len(frame.data) == 3:
            self._polls_left = int.from_bytes(frame.data[1:], "big")
            self._plan_round()
        else:
            answer = self._answer(frame)
            command = Command.ERROR if answer is None else frame.command
            data = bytes([Error.COMMAND]) if answer is None else answer
            self._later(lambda: self._send_frame(Kind.ANSWER, command, data))

    def _answer(self, frame: Frame) -> bytes | None:
        """The data of the answer to a command that does no polling; None if it is refused."""
        what = frame.data[0] if len(frame.data) == 1 else None
        if frame.command == Command.STOP:
            return DONE
        if frame.command == Command.INFO and what in NAMES:
            return frame.data + NAMES[what]
        if frame.command == Command.GET_REGION:
            return bytes([self.region])
        if frame.command == Command.GET_POWER:
            return self.power_cdbm.to_bytes(2, "big")
        return self._set(frame)

    def _set(self, frame: Frame) -> bytes | None:
        number = int.from_bytes(frame.data, "big")
        if frame.command == Command.SET_REGION and number in set(Region):
            self.region = number
            return DONE
        if frame.command == Command.SET_POWER and number <= MOST_POWER_CDBM:
            self.power_cdbm = number
            return DONE
        return None

    def _later(self, action: Callable[[], None]) -> None:
        self._server.after(ANSWER_S * self._timing, action)

    def _plan_round(self) -> None:
        if not self._is_due:
            self._is_due = True
            # Never quite without a pause, or nobody else would get the thread of the device.
            self._server.after(max(ROUND_S * self._timing, 0.001), self._round)

    def _round(self) -> None:
        self._is_due = False
        if self._polls_left == 0:
            return
        self._polls_left -= 1
        # Of the two modules the M100's manual shows 27 here and the R200's manual 22.
        self._poll(Command.POLL_MANY if self._pair is Pair.BB else Command.POLL)
        self._plan_round()

    def _poll(self, command: Command) -> None:
        if self._faults.strikes("busy"):
            self._send_frame(Kind.ANSWER, Command.ERROR, bytes([Error.FHSS]))
            return
        for tag_id, rssi_dbm in self._field.items():
            self._send_frame(Kind.NOTICE, command, encode_tag(tag_id, rssi_dbm))
        if not self._field:
            self._send_frame(Kind.ANSWER, Command.ERROR, bytes([Error.INVENTORY]))

    def _send_frame(self, kind: Kind, command: int, data: bytes) -> None:
        if self._faults.strikes("silence"):
            return
        frame = encode(self._pair, kind, command, data)
        if self._faults.strikes("bad_crc"):
            frame = self._spoilt(kind, command, data)
        if self._faults.strikes("noise"):
            frame = NOISE + frame
        if self._faults.strikes("truncated"):
            frame = frame[: len(frame) // 2]
        self._line.write(frame)

    def _spoilt(self, kind: Kind, command: int, data: bytes) -> bytes:
        if kind is Kind.NOTICE:
            return encode(self._pair, kind, command, data[:-1] + bytes([data[-1] ^ 1]))
        frame = encode(self._pair, kind, command, data)
        return frame[:-2] + bytes([frame[-2] ^ 1]) + frame[-1:]


def _epc(text: str) -> str:
    try:
        tag_id = parse_tag_id(text)
    except TagIDError as error:
        raise BadCommand(str(error)) from None
    if not tag_id.startswith("epc:"):
        raise BadCommand("a UHF reader reads epc: tags only")
    return tag_id


def _rssi_dbm_of(settings: Mapping[object, object]) -> int:
    rssi_dbm = settings.get("rssi_dbm", RSSI_DBM)
    if not isinstance(rssi_dbm, int) or not -128 <= rssi_dbm <= 127:
        raise BadCommand("rssi_dbm is a whole number from -128 to 127")
    return rssi_dbm
