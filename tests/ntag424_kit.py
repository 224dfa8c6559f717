"""The reader's end of talks with an NTAG 424 DNA made of software."""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.cards import ev2
from reader_agent.cards.ev2 import Session
from reader_agent.emulators.tags.ntag424 import NDEF_FILE, Ntag424

UID = bytes.fromhex("04958CAA5C5E80")
KEYS = [bytes([number]) * 16 for number in range(1, 6)]
ZERO = bytes(16)
URL = "https://valet.example/t"
SELECT_APPLICATION = "00A4040C07D276000085010100"
SELECT_NDEF = "00A4000C02E104"
READ_ALL = "00B0000000"
READ_DATA_ALL = "90AD0000070200000000000000"


def say(card: Ntag424, apdu: str) -> str:
    return card.apdu(bytes.fromhex(apdu)).hex().upper()


def saying(*values: str) -> Callable[[int], bytes]:
    """Randomness that was published."""
    left = [bytes.fromhex(value) for value in values]

    def random(count: int) -> bytes:
        value = left.pop(0)
        assert len(value) == count
        return value

    return random


def at_application(card: Ntag424) -> Ntag424:
    assert say(card, SELECT_APPLICATION) == "9000"
    return card


def log_in(card: Ntag424, slot: int, key: bytes, *, again: Session | None = None) -> Session | str:
    """The reader's end of an authentication: a session, or the status word that refused it."""
    opening = f"90770000 01{slot:02X} 00" if again else f"90710000 02{slot:02X}00 00"
    first = card.apdu(bytes.fromhex(opening))
    if first[-2:] != b"\x91\xaf":
        return first.hex().upper()
    rnd_a = bytes(range(16))
    rnd_b, proof = ev2.answer_challenge(key, rnd_a, first[:-2])
    last = card.apdu(ev2.native_apdu(ev2.MORE, proof))
    if last[-2:] != b"\x91\x00":
        return last.hex().upper()
    keys = ev2.session_keys(key, rnd_a, rnd_b)
    if again:
        return Session(keys, again.ti, slot, again.counter)
    ti = ev2.open_welcome(key, rnd_a, last[:-2])
    assert ti is not None
    return Session(keys, ti, slot)


def logged_in(card: Ntag424, slot: int = 0, key: bytes = ZERO) -> Session:
    session = log_in(at_application(card), slot, key)
    assert isinstance(session, Session)
    return session


def full(
    card: Ntag424, session: Session, ins: int, header: str = "", data: str = ""
) -> bytes | str:
    """A command in CommMode.Full: the data of its answer, or the status word that refused it."""
    apdu = session.seal_command(ins, bytes.fromhex(header), bytes.fromhex(data))
    answer = card.apdu(apdu)
    if answer[-2:] not in (b"\x91\x00", b"\x91\x90"):
        return answer.hex().upper()
    return session.open_answer(answer[:-2], answer[-1])


def macked(card: Ntag424, session: Session, ins: int, body: str) -> bytes | str:
    """The same in CommMode.MAC."""
    said = bytes.fromhex(body)
    answer = card.apdu(ev2.native_apdu(ins, said + session.command_mac(ins, said)))
    if answer[-2:] != b"\x91\x00":
        return answer.hex().upper()
    session.counter += 1
    assert session.answer_mac(0, answer[:-10]) == answer[-10:-2]
    return answer[:-10]


def link(card: Ntag424, read: str = READ_ALL) -> str:
    """The link as it is read now."""
    content = card.apdu(bytes.fromhex(read))
    assert content[-2:] in (b"\x90\x00", b"\x91\x00")
    count = int.from_bytes(content[:2])
    return "https://" + content[7 : 2 + count].decode()


def counter(card: Ntag424) -> int:
    return card.iso.files[NDEF_FILE].counter
