"""Carries out the orders of a conversation with a PN532: bytes in, bytes to send out, no I/O.

A command is sent, acknowledged, answered. What can go wrong on the way, and what is done:

| what is seen                            | what is done                                         |
| --------------------------------------- | ---------------------------------------------------- |
| no ACK                                  | stop it with an ACK, send the command again          |
| no ACK, but the answer to this command  | take it, once it is too late for an ACK              |
| NACK or the error frame                 | send the command again: the chip has not done it     |
| an answer to another command            | drop it: it belongs to something before              |
| an answer before the ACK                | drop it when the ACK comes: it answered the last one |
| ACK, then a damaged answer              | ask for the answer again with a NACK, twice          |
| ACK, then nothing                       | stop it with an ACK, send the command again          |

A command that must not be done twice is never sent again unless the chip said that it has not
done it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.drivers.pn532_frame import (
    ACK,
    FROM_CHIP,
    FROM_HOST,
    NACK,
    Frame,
    Kind,
    PN532Parser,
    encode,
)
from reader_agent.drivers.pn532_orders import (
    REFUSED,
    SILENT,
    Answer,
    ChipError,
    Command,
    Dialog,
    Found,
    Line,
    Looked,
    Lost,
    News,
    Pause,
    Seen,
    Speed,
)

MS = 1_000_000
MOST_NACKS = 2
MOST_REFUSALS = 2
RESTART_MS = 5_000

Action: TypeAlias = bytes | int | News
"""What is to be done: send bytes, set a speed in baud, tell news."""

log: FilteringBoundLogger = structlog.get_logger()


@dataclass(slots=True)
class _Exchange:
    """A command under way."""

    command: Command
    deadline_ns: int
    sends_left: int
    is_acked: bool = False
    nacks_left: int = MOST_NACKS
    refusals_left: int = MOST_REFUSALS
    early: Answer | None = None


class PN532Session:
    """One conversation at a time, from `begin` to `end`; all times are those of the port.

    `watch` makes the conversation, which is meant to go on for ever. Each call returns what is to
    be done, in order.
    """

    def __init__(self, watch: Callable[[], Dialog[None]]) -> None:
        self._watch = watch
        self._parser = PN532Parser(FROM_CHIP)
        self._dialog: Dialog[None] | None = None
        self._exchange: _Exchange | None = None
        self._pause_ends_ns: int | None = None
        self._actions: list[Action] = []

    def begin(self, mono_ns: int) -> list[Action]:
        """The line was opened: start the conversation anew."""
        self.end()
        self._parser = PN532Parser(FROM_CHIP)
        self._dialog = self._watch()
        self._resume(None, mono_ns)
        return self._take_actions()

    def end(self) -> None:
        """The line is gone: the conversation ends where it is."""
        dialog, self._dialog = self._dialog, None
        self._exchange = self._pause_ends_ns = None
        self._actions.clear()
        if dialog is not None:
            dialog.close()

    def feed(self, data: bytes, mono_ns: int) -> list[Action]:
        """Take what came over the line."""
        for frame in self._parser.feed(data, mono_ns):
            self._hear(frame, mono_ns)
        return self._take_actions()

    def tick(self, mono_ns: int) -> list[Action]:
        """All bytes from before `mono_ns` have been fed: so what is missing is late."""
        for frame in self._parser.tick(mono_ns):
            self._hear(frame, mono_ns)
        if self._pause_ends_ns is not None and mono_ns >= self._pause_ends_ns:
            self._pause_ends_ns = None
            self._resume(Answer(mono_ns), mono_ns)
        elif self._exchange is not None and mono_ns >= self._exchange.deadline_ns:
            self._miss(self._exchange, mono_ns)
        return self._take_actions()

    # What the chip says

    def _hear(self, frame: Frame, mono_ns: int) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        match frame.kind:
            case Kind.ACK if not exchange.is_acked:
                exchange.is_acked = True
                exchange.early = None
                exchange.deadline_ns = mono_ns + exchange.command.wait_ms * MS
            case Kind.NACK if not exchange.is_acked:
                self._refused(exchange, mono_ns)
            case Kind.ERROR:
                self._refused(exchange, mono_ns)
            case Kind.DAMAGED if exchange.is_acked and exchange.nacks_left:
                exchange.nacks_left -= 1
                exchange.deadline_ns = mono_ns + exchange.command.wait_ms * MS
                self._actions.append(NACK)
            case Kind.DATA if frame.data[0] == exchange.command.data[0] + 1:
                answer = Answer(mono_ns, frame.data[1:], frame.raw)
                if exchange.is_acked:
                    self._resume(answer, mono_ns)
                else:
                    exchange.early = answer

    def _refused(self, exchange: _Exchange, mono_ns: int) -> None:
        if exchange.refusals_left:
            exchange.refusals_left -= 1
            self._send(exchange, mono_ns)
        else:
            self._fail(REFUSED, mono_ns)

    def _miss(self, exchange: _Exchange, mono_ns: int) -> None:
        """The ACK or the answer has not come in time."""
        if exchange.early is not None:
            self._resume(exchange.early, mono_ns)
            return
        self._actions.append(ACK)
        if exchange.sends_left:
            self._send(exchange, mono_ns)
        else:
            self._fail(SILENT, mono_ns)

    # What the conversation wants

    def _resume(self, answer: Answer | ChipError | None, mono_ns: int) -> None:
        """Let the conversation go on until it has to wait."""
        self._exchange = None
        dialog = self._dialog
        while dialog is not None and self._exchange is None and self._pause_ends_ns is None:
            try:
                if isinstance(answer, ChipError):
                    order = dialog.throw(answer)
                else:
                    order = next(dialog) if answer is None else dialog.send(answer)
            except Exception:
                # The edge of the conversation: a fault in it must not make the reader deaf for
                # good. (That it just ended is such a fault too.)
                log.exception("reader.session_failed")
                self._dialog = dialog = self._start_later()
                answer = None
                continue
            answer = Answer(mono_ns)
            match order:
                case Command():
                    self._exchange = _Exchange(order, 0, order.sends)
                    self._send(self._exchange, mono_ns)
                case Pause(wait_ms):
                    self._pause_ends_ns = mono_ns + wait_ms * MS
                case Line(data):
                    self._actions.append(data)
                case Speed(baud):
                    self._actions.append(baud)
                case Found() | Lost() | Seen() | Looked():
                    self._actions.append(order)

    def _start_later(self) -> Dialog[None]:
        yield Pause(RESTART_MS)
        yield from self._watch()

    def _send(self, exchange: _Exchange, mono_ns: int) -> None:
        command = exchange.command
        exchange.sends_left = max(0, exchange.sends_left - 1)
        exchange.is_acked = False
        exchange.early = None
        exchange.deadline_ns = mono_ns + command.ack_ms * MS
        self._actions.append(command.preamble + encode(FROM_HOST, command.data))

    def _fail(self, code: str, mono_ns: int) -> None:
        self._resume(ChipError(code), mono_ns)

    def _take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
