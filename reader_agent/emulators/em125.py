"""A 125 kHz reader made of software: it sends what an RDM6300 would send, and some of its faults.

It takes one command a line on its input and answers each with one line, once it is carried out:

| command                            | what happens                          | answer              |
| ---------------------------------- | ------------------------------------- | ------------------- |
| `{"tag":"em4100:…","hold_ms":300}` | the tag lies on it for that long      | `{"done":"tag"}`    |
| `{"raw":"0230…"}`                  | these bytes are sent as they are      | `{"done":"raw"}`    |
| `{"unplug":true}`                  | the device disappears                 | `{"done":"unplug"}` |
| `{"plug":true}`                    | a new one appears under the same link | `{"done":"plug"}`   |

Before the first command it says `{"ready":"<link>"}`. What it does not understand is answered
with `{"error":"…"}`, and nothing happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from reader_agent.clock import Clock
from reader_agent.drivers.em125 import Framing, encode_em125
from reader_agent.emulators.command_lines import (
    HOLD_MS,
    BadCommand,
    from_hex,
    from_json,
    hold_ms_of,
)
from reader_agent.emulators.pty_line import PtyLine
from schemas.tag_ids import TagIDError, parse_tag_id

BYTE_S = 10 / 9600
"""One byte at 9600 8N1: start bit, eight bits, stop bit."""


class EM125Emulator:
    """One reader on one line.

    `repeat_ms` is the time from frame to frame while a tag lies on it; `None` makes it a reader
    that sends one frame a presentation. `paced` sends no faster than a real line does.
    """

    def __init__(
        self,
        line: PtyLine,
        clock: Clock,
        *,
        framing: Framing = Framing.ASCII,
        repeat_ms: int | None = 65,
        paced: bool = False,
    ) -> None:
        self._line = line
        self._clock = clock
        self._framing = framing
        self._repeat_ms = repeat_ms
        self._paced = paced
        self._never = threading.Event()

    def present(self, tag_id: str, hold_ms: int = HOLD_MS) -> None:
        """Lay a tag on the reader and take it away again after `hold_ms`."""
        frame = encode_em125(tag_id, self._framing)
        begin_ns = self._clock.mono_ns()
        frames_at_ms = range(0, max(hold_ms, 1), self._repeat_ms) if self._repeat_ms else [0]
        for at_ms in frames_at_ms:
            self._wait_until(begin_ns + at_ms * 1_000_000)
            self.send(frame)
        self._wait_until(begin_ns + hold_ms * 1_000_000)

    def send(self, data: bytes) -> None:
        """Put bytes on the line: noise, half a frame, two frames at once."""
        if not self._paced:
            self._line.write(data)
            return
        for byte in data:
            self._line.write(bytes([byte]))
            self._never.wait(BYTE_S)

    def unplug(self) -> None:
        """Make the device disappear."""
        self._line.unplug()

    def plug(self) -> None:
        """Make the device appear."""
        self._line.plug()

    def obey(self, text: bytes) -> str:
        """Carry out one command and return its name. Raises `BadCommand`."""
        name, act = self._understand(text)
        act()
        return name

    def _understand(self, text: bytes) -> tuple[str, Callable[[], None]]:
        match from_json(text):
            case {"tag": str(tag), **rest}:
                tag_id, hold_ms = _em4100(tag), hold_ms_of(rest)
                return "tag", lambda: self.present(tag_id, hold_ms)
            case {"raw": str(digits)}:
                data = from_hex(digits)
                return "raw", lambda: self.send(data)
            case {"unplug": True}:
                return "unplug", self.unplug
            case {"plug": True}:
                return "plug", self.plug
        raise BadCommand("give tag, raw, unplug or plug")

    def _wait_until(self, mono_ns: int) -> None:
        left_ns = mono_ns - self._clock.mono_ns()
        if left_ns > 0:
            self._never.wait(left_ns / 1_000_000_000)


def _em4100(text: str) -> str:
    try:
        tag_id = parse_tag_id(text)
    except TagIDError as error:
        raise BadCommand(str(error)) from None
    if not tag_id.startswith("em4100:"):
        raise BadCommand("a 125 kHz reader reads em4100: tags only")
    return tag_id
