"""A PN532 without a line: our side and the emulated firmware face to face, in time made by hand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from reader_agent.cards.conversation import Card, CardError, Errand, Talk
from reader_agent.drivers.pn532_frame import (
    ACK,
    ERROR,
    FROM_CHIP,
    FROM_HOST,
    Kind,
    PN532Parser,
    encode,
)
from reader_agent.drivers.pn532_orders import Found, Looked, Lost, News, Seen
from reader_agent.drivers.pn532_session import Action, PN532Session
from reader_agent.drivers.pn532_watch import Errands, Watch
from reader_agent.emulators.pn532_firmware import Endless, Firmware
from reader_agent.emulators.pn532_radio import Radio
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.spec import make_tag

MS = 1_000_000
TURN_MS = 50
POLL_MS = 120


class Stage:
    """A station's watch over an emulated chip. `commands` is what the chip was told, in hex."""

    def __init__(self) -> None:
        self.firmware = Firmware(Radio())
        self.commands: list[str] = []
        self.news: list[News] = []
        self.known: set[str] = set()
        self.errands = Errands()
        self.is_deaf = False
        self.baud = 115200
        self.mono_ns = 0
        self._parser = PN532Parser(FROM_HOST)
        watch = Watch(POLL_MS, self.errands, self.known.__contains__)
        self.session = PN532Session(watch.run)
        self._do(self.session.begin(0))

    def lay(self, spec: object) -> TagModel:
        """Lay a new tag on it."""
        tag = make_tag(spec)
        self.firmware.radio.tags.append(RadioTag(tag))
        return tag

    def clear(self) -> None:
        """Take all tags away."""
        self.firmware.radio.tags.clear()

    def run(self, duration_ms: int) -> None:
        """Let time pass, in turns as a port's."""
        for _ in range(duration_ms // TURN_MS):
            self.mono_ns += TURN_MS * MS
            self._do(self.session.tick(self.mono_ns))

    def seen(self) -> list[Seen]:
        """The cards that were told of, over and over."""
        return [news for news in self.news if isinstance(news, Seen)]

    def state(self) -> list[str]:
        """What the chip was said to be: found as what, or lost."""
        says = [news for news in self.news if isinstance(news, Found | Lost)]
        return [news.chip if isinstance(news, Found) else "lost" for news in says]

    def errand(self, tag: str, talk: Any) -> Future[Any]:
        """Send a conversation to a card."""
        done: Future[Any] = Future()
        self.errands.append(Errand(tag, talk, done))
        return done

    def _do(self, actions: list[Action]) -> None:
        while actions:
            action = actions.pop(0)
            if isinstance(action, bytes):
                actions += self._answer(action)
            elif isinstance(action, int):
                self.baud = action
            else:
                self.news.append(action)
                if isinstance(action, Seen):
                    self.known.add(action.card.tag)
                if isinstance(action, Looked):
                    self._forget(action.mono_ns)

    def _forget(self, mono_ns: int) -> None:
        recent = {each.card.tag for each in self.seen() if mono_ns - each.mono_ns < 600 * MS}
        self.known &= recent

    def _answer(self, data: bytes) -> list[Action]:
        if self.baud not in (self.firmware.baud, self.firmware.new_baud):
            return []
        actions: list[Action] = []
        for frame in self._parser.feed(data, self.mono_ns):
            self.firmware.change_baud()
            if frame.kind is Kind.DATA:
                self.commands.append(frame.data.hex())
                if not self.is_deaf:
                    actions += self.session.feed(self._reply(frame.data), self.mono_ns)
        return actions

    def _reply(self, command: bytes) -> bytes:
        try:
            said = self.firmware.answer(command)
        except Endless:
            return ACK
        if said is None:
            return ACK + ERROR
        return ACK + encode(FROM_CHIP, bytes([command[0] + 1]) + said)


def outcome(done: Future[Any]) -> object:
    """What an errand came to: its value, or the code of its error."""
    assert done.done()
    error = done.exception()
    return error.code if isinstance(error, CardError) else error or done.result()


def say(*commands: str) -> Callable[[Card], Talk[list[str]]]:
    """A conversation that says these commands and returns the answers, in hex."""

    def talk(_card: Card) -> Talk[list[str]]:
        answers = []
        for command in commands:
            try:
                answer = yield bytes.fromhex(command)
            except CardError as error:
                answers.append(error.code)
            else:
                answers.append(answer.hex())
        return answers

    return talk
