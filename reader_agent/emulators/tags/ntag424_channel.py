"""Who may talk to an NTAG 424 DNA: its keys, the authentication, and the sealed messages after.

NXP data sheet NT4H2421Gx rev. 3.0, sections 9.1 and 10.4, and AN12196 section 6.4 for what failed
authentications lead to. The primitives are those of `reader_agent/cards/ev2.py`; that both ends
share them is why the tests hold this end against the vectors that NXP published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from reader_agent.cards import ev2
from reader_agent.cards.ev2 import Session
from reader_agent.emulators.tags.ntag424_files import CommMode

OK, MORE = 0x00, 0xAF
ILLEGAL_COMMAND, INTEGRITY_ERROR, NO_SUCH_KEY = 0x1C, 0x1E, 0x40
LENGTH_ERROR, PERMISSION_DENIED, PARAMETER_ERROR = 0x7E, 0x9D, 0x9E
AUTHENTICATION_DELAY, AUTHENTICATION_ERROR = 0xAD, 0xAE
BOUNDARY_ERROR, COMMAND_ABORTED, FILE_NOT_FOUND = 0xBE, 0xCA, 0xF0

FAILURES_TO_LOCK = 1000
FAILURES_TO_DELAY = 50
_FORGIVEN_BY_SUCCESS = 10
_LAST_COUNTER = 0xFFFF
_CAPABILITY_BYTES = 6


class Refused(Exception):
    """The card answers 91 and `status`, without a MAC, and forgets who it was talking to."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X}")
        self.status = status


@dataclass(slots=True, repr=False)
class KeySlot:
    """One key. `failures` is TotFailCtr, `failures_in_row` SeqFailCtr, and `delays` how many more
    times the card says 91AD before it lets anybody try again."""

    key: bytes = ev2.FACTORY_KEY
    version: int = 0
    failures: int = 0
    failures_in_row: int = 0
    delays: int = 0

    def count_failure(self) -> None:
        """Somebody did not know the key."""
        self.failures += 1
        self.failures_in_row += 1
        self.delays = max(0, self.failures_in_row - FAILURES_TO_DELAY + 1)

    def count_success(self) -> None:
        """Somebody knew it."""
        self.failures = max(0, self.failures - _FORGIVEN_BY_SUCCESS)
        self.failures_in_row = self.delays = 0


@dataclass(frozen=True, slots=True, repr=False)
class _Challenge:
    slot: int
    rnd_b: bytes
    ti: bytes
    is_first: bool
    capabilities: bytes


class Channel:
    """The card's end. `session` is there while somebody is authenticated."""

    def __init__(self, slots: list[KeySlot], random: Callable[[int], bytes]) -> None:
        self.slots = slots
        self.session: Session | None = None
        self._random = random
        self._challenge: _Challenge | None = None

    @property
    def is_challenging(self) -> bool:
        """Whether the second part of an authentication is awaited."""
        return self._challenge is not None

    def drop(self) -> None:
        """Forget who is authenticated, and who was about to be."""
        self.session = self._challenge = None

    def authenticated_with(self, *slots: int) -> bool:
        """Whether there is a session that one of these key slots opened."""
        return self.session is not None and self.session.slot in slots

    def challenge_first(self, body: bytes) -> bytes:
        """AuthenticateEV2First, part 1. One that asks for LRP is answered in AES, as a card does
        that was not switched to LRP (table 19). Raises `Refused`."""
        if len(body) < 2 or len(body) != 2 + body[1]:
            raise Refused(LENGTH_ERROR)
        if body[1] > _CAPABILITY_BYTES:
            raise Refused(PARAMETER_ERROR)
        self.session = None
        capabilities = body[2:].ljust(_CAPABILITY_BYTES, b"\x00")
        return self._challenge_with(body[0], capabilities, is_first=True)

    def challenge_again(self, body: bytes) -> bytes:
        """AuthenticateEV2NonFirst, part 1: only inside a session. Raises `Refused`."""
        if len(body) != 1:
            raise Refused(LENGTH_ERROR)
        if self.session is None:
            raise Refused(PERMISSION_DENIED)
        return self._challenge_with(body[0], b"", is_first=False)

    def _challenge_with(self, number: int, capabilities: bytes, *, is_first: bool) -> bytes:
        if number >= len(self.slots):
            raise Refused(NO_SUCH_KEY)
        slot = self.slots[number]
        if slot.failures >= FAILURES_TO_LOCK:
            raise Refused(PERMISSION_DENIED)
        if slot.delays:
            slot.delays -= 1
            raise Refused(AUTHENTICATION_DELAY)
        rnd_b = self._random(ev2.BLOCK)
        ti = self._random(ev2.TI_BYTES) if is_first else b""
        self._challenge = _Challenge(number, rnd_b, ti, is_first, capabilities)
        return ev2.seal_challenge(slot.key, rnd_b)

    def answer(self, body: bytes) -> bytes:
        """Part 2 of either: who answers the challenge rightly has a session. Raises `Refused`."""
        challenge, self._challenge = self._challenge, None
        assert challenge is not None
        if len(body) != 2 * ev2.BLOCK:
            raise Refused(LENGTH_ERROR)
        slot = self.slots[challenge.slot]
        rnd_a = ev2.check_answer(slot.key, challenge.rnd_b, body)
        if rnd_a is None:
            slot.count_failure()
            raise Refused(AUTHENTICATION_ERROR)
        slot.count_success()
        keys = ev2.session_keys(slot.key, rnd_a, challenge.rnd_b)
        turned = rnd_a[1:] + rnd_a[:1]
        if challenge.is_first:
            self.session = Session(keys, challenge.ti, challenge.slot)
            own_capabilities = bytes(_CAPABILITY_BYTES)
            welcome = challenge.ti + turned + own_capabilities + challenge.capabilities
        else:
            assert self.session is not None
            self.session = Session(
                keys, self.session.ti, challenge.slot, counter=self.session.counter
            )
            welcome = turned
        cipher = Cipher(algorithms.AES(slot.key), modes.CBC(bytes(ev2.BLOCK)))
        return cipher.encryptor().update(welcome)

    def open(self, mode: CommMode, ins: int, body: bytes, header_bytes: int) -> bytes:
        """The data of a command, behind its header; outside a session it is in clear.
        Raises `Refused`."""
        if self.session is None:
            return body[header_bytes:]
        if self.session.counter == _LAST_COUNTER:
            raise Refused(INTEGRITY_ERROR)
        if mode is CommMode.PLAIN:
            return body[header_bytes:]
        if len(body) < header_bytes + ev2.MAC_BYTES:
            raise Refused(LENGTH_ERROR)
        try:
            if mode is CommMode.FULL:
                return self.session.open_command(ins, body, header_bytes)
        except ev2.SealError:
            raise Refused(INTEGRITY_ERROR) from None
        said, mac = body[: -ev2.MAC_BYTES], body[-ev2.MAC_BYTES :]
        if self.session.command_mac(ins, said) != mac:
            raise Refused(INTEGRITY_ERROR)
        return said[header_bytes:]

    def seal(self, mode: CommMode, data: bytes, status: int = OK) -> bytes:
        """The answer with its status word; inside a session it is counted."""
        end = bytes([0x91, status])
        if self.session is None:
            return data + end
        if mode is CommMode.FULL:
            return self.session.seal_answer(status, data)
        self.session.counter += 1
        if mode is CommMode.PLAIN:
            return data + end
        return data + self.session.answer_mac(status, data) + end
