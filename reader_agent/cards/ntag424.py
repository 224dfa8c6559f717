"""The native commands of an NTAG 424 DNA, as conversations: who it is, keys, file settings.

NXP data sheet NT4H2421Gx, section 10, in AES mode; the sealing is in `ev2`. A command that is
refused ends the session on the card, so whoever goes on after a refusal authenticates anew.
"""

from __future__ import annotations

import secrets

from reader_agent.cards.conversation import BROKEN, REFUSED, Card, CardError, Talk
from reader_agent.cards.ev2 import (
    AUTHENTICATE_FIRST,
    BLOCK,
    CHANGE_FILE_SETTINGS,
    CHANGE_KEY,
    GET_VERSION,
    MORE,
    SealError,
    Session,
    answer_challenge,
    key_change,
    native_apdu,
    open_welcome,
    session_keys,
)
from reader_agent.cards.status import (
    AUTHENTICATION_ERROR,
    NATIVE_MORE,
    NATIVE_OK,
    StatusError,
    checked,
)

NDEF_FILE = 0x02
NDEF_FILE_ID = 0xE104
NDEF_FILE_BYTES = 256

# GetVersion, tables 53 and 58: vendor NXP, type NTAG, a subtype that says how its antenna is
# driven, hardware 30.00, storage 256 to 512 bytes. NTAG 413 DNA says hardware 10.
_VENDOR, _TYPE, _HARDWARE, _STORAGE = 0x04, 0x04, 0x30, 0x11
_UID_BYTES = 7


def check_kind(card: Card) -> Talk[None]:
    """Raises `CardError` `card_refused` unless this is an NTAG 424 DNA that shows its own UID.

    Freely answered while nobody is authenticated.
    """
    what = "asking what it is"
    hardware = checked((yield native_apdu(GET_VERSION)), what, NATIVE_MORE)
    checked((yield native_apdu(MORE)), what, NATIVE_MORE)
    production = checked((yield native_apdu(MORE)), what, NATIVE_OK)
    if len(hardware) < 7 or (hardware[0], hardware[1], hardware[3], hardware[5]) != (
        _VENDOR,
        _TYPE,
        _HARDWARE,
        _STORAGE,
    ):
        raise CardError(REFUSED, "this card is no NTAG 424 DNA")
    if production[:_UID_BYTES] != card.uid:
        raise CardError(REFUSED, "the card does not show its own UID when it is read")


def authenticate(slot: int, key: bytes, rnd_a: bytes | None = None) -> Talk[Session | None]:
    """A session opened with `key` in `slot`; None if the slot holds another key.

    The card counts wrong keys: 50 in a row make it answer late, 1000 lock the slot for good, so
    never try in a loop. `rnd_a` is the challenge, 16 fresh random bytes if not given.
    """
    rnd_a = rnd_a if rnd_a is not None else secrets.token_bytes(BLOCK)
    what = f"authenticating with key {slot}"
    opening = native_apdu(AUTHENTICATE_FIRST, bytes([slot, 0x00]))
    challenge = checked((yield opening), what, NATIVE_MORE)
    if len(challenge) != BLOCK:
        raise CardError(BROKEN, f"{what}: a challenge of {len(challenge)} bytes")
    rnd_b, proof = answer_challenge(key, rnd_a, challenge)
    try:
        welcome = checked((yield native_apdu(MORE, proof)), what, NATIVE_OK)
    except StatusError as error:
        if error.status == AUTHENTICATION_ERROR:
            return None
        raise
    ti = open_welcome(key, rnd_a, welcome)
    if ti is None:
        raise CardError(BROKEN, f"{what}: the card did not prove the key in its turn")
    return Session(session_keys(key, rnd_a, rnd_b), ti, slot)


def change_file_settings(session: Session, file: int, settings: bytes) -> Talk[None]:
    """Set the options and access rights of a file (table 69); the session is by the key that may
    change them."""
    yield from _full(session, "setting the file", CHANGE_FILE_SETTINGS, bytes([file]), settings)


def change_key(session: Session, slot: int, new: bytes, old: bytes, version: int) -> Talk[None]:
    """Put a key into a slot. The session is by key 0.

    Raises `StatusError` `INTEGRITY_ERROR`, with the session over and the key unchanged, where
    `old` is not what the slot holds. Changing the session's own key ends it; the answer to that
    has no seal.
    """
    what = f"changing key {slot}"
    own = slot == session.slot
    data = key_change(new, old, version, own=own)
    if own:
        apdu = session.seal_command(CHANGE_KEY, bytes([slot]), data)
        checked((yield apdu), what, NATIVE_OK)
    else:
        yield from _full(session, what, CHANGE_KEY, bytes([slot]), data)


def _full(session: Session, what: str, ins: int, header: bytes, data: bytes) -> Talk[bytes]:
    """A command in CommMode.Full, and the data in its answer."""
    answer = checked((yield session.seal_command(ins, header, data)), what, NATIVE_OK)
    try:
        return session.open_answer(answer)
    except SealError as error:
        raise CardError(BROKEN, f"{what}: {error}") from None
