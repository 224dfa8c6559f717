"""A scanner of codes made of software: it sends texts, and obeys the command channel of a GM65.

It takes one command a line on its input and answers each with one line, once it is carried out:

| command                                | what happens                                       |
| -------------------------------------- | -------------------------------------------------- |
| `{"code":"text"}`                      | a code is scanned: its text is sent, with the end  |
| `{"put":"text"}`, `{"remove":true}`    | a code lies before the lens; a trigger scans it    |
| `{"raw":"3035…"}`                      | these bytes are sent as they are                   |
| `{"unplug":true}`, `{"plug":true}`     | the device disappears, appears                     |
| `{"fault":"split","count":3}`          | the next 3 sendings suffer from it                 |

Faults: `split` (in pieces, with pauses), `noise` (bytes before it), `no_end` (a text without its
end), `silence` (nothing is sent).

With `gm65` it understands what is written to it: it reads and writes settings, answers a write
with an ACK before anything else, and when it is triggered scans the code that lies before it. It
says nothing to a command whose CRC is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from reader_agent.clock import Clock
from reader_agent.drivers.gm65 import (
    ACK,
    HEAD,
    Kind,
    Order,
    Unclear,
    Zone,
    encode_answer,
    judge_order,
)
from reader_agent.emulators.asked_device import AskedDevice, Deed
from reader_agent.emulators.pty_line import PtyLine

ENDS = {"crlf": b"\r\n", "cr": b"\r", "lf": b"\n", "none": b""}
FAULTS = ("split", "noise", "no_end", "silence")
NOISE = b"\xff\x00\xfe\r"
ANSWER_S = 0.005
SCAN_S = 0.05
PIECE_BYTES = 4
PIECE_S = 0.02
LONGEST_ORDER = 263
BAUD_9600 = b"\x39\x01"
USUAL_MODE = 0xD6
MOST_ORDERS = 100


class ScannerEmulator(AskedDevice):
    """One scanner on one line.

    `end` is `crlf`, `cr`, `lf` or `none`; `aim` is put in front of each text, as `]Q1`; `timing`
    stretches its pauses.
    """

    own_commands = "code, put, remove"

    def __init__(
        self,
        line: PtyLine,
        clock: Clock,
        *,
        end: str = "crlf",
        gm65: bool = True,
        aim: str = "",
        timing: float = 1.0,
    ) -> None:
        super().__init__(line, clock, FAULTS)
        self._end = ENDS[end]
        self._is_gm65 = gm65
        self._aim = aim
        self._timing = timing
        self._before_lens: str | None = None
        self._heard = b""
        self._outbox: deque[bytes] = deque()
        """The first is being sent; a wire carries one after the other."""
        self.orders: deque[Order] = deque(maxlen=MOST_ORDERS)
        """What it was told last, for tests."""
        self.settings: dict[int, int] = {Zone.MODE: USUAL_MODE}
        for at, byte in enumerate(BAUD_9600):
            self.settings[Zone.BAUD + at] = byte

    def scan(self, text: str) -> None:
        """Scan a code, as if a person had pressed the button."""
        self._server.call(lambda: self._send_text(text))

    def put(self, text: str | None) -> None:
        """Lay a code before the lens, or take it away."""
        self._before_lens = text

    def _own_command(self, command: object) -> Deed | None:
        match command:
            case {"code": str(code)} if _is_text(code):
                return "code", lambda: self.scan(code)
            case {"put": str(code)} if _is_text(code):
                return "put", lambda: self.put(code)
            case {"remove": True}:
                return "remove", lambda: self.put(None)
        return None

    def _lose_power(self) -> None:
        self._heard = b""
        self._outbox.clear()

    def _on_bytes(self, data: bytes) -> None:
        if not self._is_gm65:
            return
        self._heard += data
        while self._heard:
            found = judge_order(self._heard[:LONGEST_ORDER])
            if found is Unclear.UNFINISHED:
                return
            if isinstance(found, Unclear):
                next_head = self._heard.find(HEAD[:1], 1)
                self._heard = self._heard[next_head:] if next_head > 0 else b""
            else:
                order, length = found
                self._heard = self._heard[length:]
                self._carry_out(order)

    def _carry_out(self, order: Order) -> None:
        self.orders.append(order)
        if order.kind is Kind.READ:
            wanted = range(order.address, order.address + sum(order.data[:1]))
            data = bytes(self.settings.get(at, 0) for at in wanted)
            self._after(ANSWER_S, lambda: self._send(encode_answer(data)))
            return
        if order.kind is Kind.WRITE:
            for at, byte in enumerate(order.data):
                self.settings[order.address + at] = byte
        self._after(ANSWER_S, lambda: self._send(ACK))
        is_trigger = order.kind is Kind.WRITE and order.address == Zone.TRIGGER
        if is_trigger and order.data[:1] == b"\x01":
            self._after(ANSWER_S + SCAN_S, self._scan_what_lies_there)

    def _scan_what_lies_there(self) -> None:
        if self._before_lens is not None:
            self._send_text(self._before_lens)

    def _send_text(self, text: str) -> None:
        end = b"" if self._faults.strikes("no_end") else self._end
        self._send((self._aim + text).encode() + end)

    def _send(self, data: bytes) -> None:
        if self._faults.strikes("silence"):
            return
        if self._faults.strikes("noise"):
            data = NOISE + data
        size = PIECE_BYTES if self._faults.strikes("split") else len(data)
        is_idle = not self._outbox
        self._outbox.extend(data[at : at + size] for at in range(0, len(data), size or 1))
        if is_idle:
            self._send_a_piece()

    def _send_a_piece(self) -> None:
        if self._outbox:
            self._line.write(self._outbox[0])
            self._after(PIECE_S, self._sent_a_piece)

    def _sent_a_piece(self) -> None:
        if self._outbox:
            self._outbox.popleft()
            self._send_a_piece()

    def _after(self, delay_s: float, action: Callable[[], None]) -> None:
        self._server.after(delay_s * self._timing, action)


def _is_text(code: str) -> bool:
    """Whether it can be sent at all: JSON can also name halves of characters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in code)
