"""NTAG 424 DNA cards in the two states they are met in: blank, and made a claim card.

A blank one may hold a plain link. A claim card says `<url>?picc_data=<32>&cmac=<16>`: the MAC is
over nothing, slot 1 (`META`) enciphers UID and counter, slot 2 (`FILE`) makes the MAC, reading is
free, and slot 0 is needed for everything else (AN12196 section 4).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from reader_agent.emulators.tags.ndef_uri import type4_file, uri_message
from reader_agent.emulators.tags.ntag424 import FILE, MASTER, META, NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_files import (
    FREE,
    MAC_DIGITS,
    NEVER,
    PICC_DIGITS,
    CommMode,
    Mirror,
    Rights,
    Settings,
)

_UID_AND_COUNTER = 0xC1
_PICC_NAME, _MAC_NAME = "?picc_data=", "&cmac="
_PERSONAL_VERSION = 1


def blank_card(
    uid: bytes,
    url: str | None = None,
    *,
    signature: bytes | None = None,
    has_random_uid: bool = False,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Ntag424:
    """A card from the factory, with a plain link or an empty NDEF file. Raises `ValueError` for a
    link too long for it."""
    card = Ntag424(uid, signature=signature, has_random_uid=has_random_uid, random=random)
    if url is not None:
        _store(card, url)
    return card


def personal_card(
    uid: bytes,
    url: str,
    keys: Sequence[bytes],
    *,
    counter: int = 0,
    signature: bytes | None = None,
    has_random_uid: bool = False,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Ntag424:
    """A claim card with five keys that was read `counter` times. Raises `ValueError` for a link
    too long for it."""
    card = Ntag424(
        uid,
        keys=keys,
        key_version=_PERSONAL_VERSION,
        signature=signature,
        has_random_uid=has_random_uid,
        random=random,
    )
    _store(card, url + _PICC_NAME + "0" * PICC_DIGITS + _MAC_NAME + "0" * MAC_DIGITS)
    file = card.iso.files[NDEF_FILE]
    # The template stands at the end of the message, so its places are counted from there.
    end = 2 + int.from_bytes(file.content[:2], "big")
    mac_at = end - MAC_DIGITS
    mirror = Mirror(
        options=_UID_AND_COUNTER,
        meta_read=META,
        file_read=FILE,
        counter_read=NEVER,
        picc_at=mac_at - len(_MAC_NAME) - PICC_DIGITS,
        mac_from=mac_at,
        mac_at=mac_at,
    )
    rights = Rights(read=FREE, write=MASTER, read_write=MASTER, change=MASTER)
    file.change(Settings(CommMode.PLAIN, rights, mirror))
    file.counter = counter
    return card


def _store(card: Ntag424, url: str) -> None:
    file = card.iso.files[NDEF_FILE]
    content = type4_file(uri_message(url))
    if len(content) > file.size:
        raise ValueError("this link is too long for this card")
    file.content[: len(content)] = content
