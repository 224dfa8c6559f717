"""Making a claim tag out of a blank NTAG 424 DNA: its link, its settings and its keys.

The order lets a card that was torn away half-way be finished by doing it all again: the master
key is changed last, so whoever finds the factory's master key finds everything else either at the
factory's state or at ours, and can tell which. A card whose master key is ours was finished; if
its link proves itself it is left alone, because setting it up anew would begin its counter again,
and the cloud takes only higher ones.

The file is opened to everybody while the link is written, as it is when the card comes from the
factory: a half-made card would not let it be written otherwise, since these writes go in clear.
"""

from __future__ import annotations

from reader_agent.cards import type4
from reader_agent.cards.conversation import REFUSED, Card, CardError, Talk
from reader_agent.cards.ev2 import FACTORY_KEY, Session
from reader_agent.cards.ndef import uri_of
from reader_agent.cards.ntag424 import (
    NDEF_FILE,
    NDEF_FILE_ID,
    authenticate,
    change_file_settings,
    change_key,
    check_kind,
)
from reader_agent.cards.sdm import OPEN_SETTINGS, link_file
from reader_agent.cards.status import INTEGRITY_ERROR, StatusError
from schemas.card_keys import MASTER_SLOT, SLOTS, CardKeys
from schemas.sun import SunError, read_sun_url, verify_sun

KEY_VERSION = 1


def personalise(card: Card, keys: CardKeys) -> Talk[str]:
    """Make `card` say a link that begins with `keys.url` and proves itself under `keys`.

    Returns the link that it said when it was read back, which is the first with our keys. A card
    that is done already is only read. Raises `CardError`: `card_refused` says in words what the
    card did not let us do, or what it is instead; `card_gone` may be answered by doing it again.
    No wrong key is tried twice, because the card counts them.
    """
    if not card.speaks_apdu:
        raise CardError(REFUSED, "this card is no NTAG 424 DNA")
    try:
        file = link_file(keys.url)
    except ValueError as error:
        raise CardError(REFUSED, str(error)) from None
    yield from type4.select_application()
    yield from check_kind(card)
    session, master = yield from _open(keys)
    if master == keys.master:
        url = yield from _proven_link(card, keys)
        if url is not None:
            return url
        session = yield from _as_master(master)
    yield from change_file_settings(session, NDEF_FILE, OPEN_SETTINGS)
    yield from type4.select_application()
    yield from type4.write_message(NDEF_FILE_ID, file.content)
    session = yield from _as_master(master)
    yield from change_file_settings(session, NDEF_FILE, file.settings)
    for slot in range(MASTER_SLOT + 1, SLOTS):
        session = yield from _set_key(session, master, slot, keys.app[slot])
    if master != keys.master:
        yield from change_key(session, MASTER_SLOT, keys.master, master, KEY_VERSION)
    url = yield from _proven_link(card, keys)
    if url is None:
        raise CardError(REFUSED, "the card was written, but what it says does not prove itself")
    return url


def _open(keys: CardKeys) -> Talk[tuple[Session, bytes]]:
    """A session by the master key, whichever of two it is, and that key.

    The factory's is tried first: it is right for a blank card and for a half-made one, so only
    a card that is done has a wrong key to count.
    """
    for master in (FACTORY_KEY, keys.master):
        session = yield from authenticate(MASTER_SLOT, master)
        if session is not None:
            return session, master
    raise CardError(
        REFUSED, "its master key is neither the factory's nor ours: somebody else's card"
    )


def _as_master(master: bytes) -> Talk[Session]:
    session = yield from authenticate(MASTER_SLOT, master)
    if session is None:
        raise CardError(REFUSED, "the card no longer takes the master key that it took before")
    return session


def _set_key(session: Session, master: bytes, slot: int, new: bytes) -> Talk[Session]:
    """Put `new` into a slot that holds the factory's key or already `new`. Returns a session to
    go on with.

    A change is made out of the old key and the new one, and the card refuses it when the old one
    is not what it holds, so trying it with the factory's harms nothing and counts nowhere. Where
    that fails the slot has to prove that it holds ours.
    """
    try:
        yield from change_key(session, slot, new, FACTORY_KEY, KEY_VERSION)
    except StatusError as error:
        if error.status != INTEGRITY_ERROR:
            raise
        if (yield from authenticate(slot, new)) is None:
            raise CardError(
                REFUSED, f"its key {slot} is neither the factory's nor ours: somebody else's card"
            ) from None
        return (yield from _as_master(master))
    return session


def _proven_link(card: Card, keys: CardKeys) -> Talk[str | None]:
    """The link that the card says, if it is ours, names this card and proves itself."""
    try:
        message = yield from type4.read_message()
    except StatusError:
        return None
    url = uri_of(message) if message is not None else None
    if url is None or not url.startswith(f"{keys.url}?"):
        return None
    try:
        read = verify_sun(read_sun_url(url), keys.meta, lambda _uid: keys.file)
    except SunError:
        return None
    return url if read is not None and read.tag == card.tag else None
