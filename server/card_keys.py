"""The keys of the cards: all derived from one secret, so that none has to be kept.

Diversified as nfc-developer/sdm-backend does it since January 2023, so that its tools read our
cards too. With HMAC-SHA256 cut to 16 bytes, and AES-CMAC:

    meta    = HMAC(secret, "PICCDataKey")
    slot(n) = CMAC(HMAC(secret, "SlotMasterKey" n), 01 HMAC(base, UID))
              base = HMAC(secret, "DivBaseKey"), all 32 bytes

The secret itself comes from the master key file and is in no database.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.card_keys import FILE_SLOT, KEY_BYTES, META_SLOT, SLOTS, CardKeys
from schemas.district import MANAGER, SUPERVISOR
from schemas.ids import uuid7
from schemas.problems import HTTP_STATUS, Refusal
from schemas.sun import aes_cmac
from schemas.tag_ids import TagIDError, check_lasting
from server.config import Config
from server.master_key import MasterKey
from server.models import CardKeyRow, PersonRow, StationRow

PURPOSE = "card-keys"
UID_BYTES = 7
_MAY_MAKE_CARDS = frozenset({MANAGER, SUPERVISOR})
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class CardSecret:
    """The secret that all keys of one district's cards come from. Printing it shows nothing."""

    secret: bytes

    @property
    def meta(self) -> bytes:
        """SDMMetaRead of every card: which card it is, is known only once this has deciphered."""
        return _hmac(self.secret, b"PICCDataKey")[:KEY_BYTES]

    def slot(self, uid: str, number: int) -> bytes:
        """The key of one card (UID as 14 hex digits) in one slot."""
        base = _hmac(self.secret, b"DivBaseKey")
        own = _hmac(base, bytes.fromhex(uid))[:KEY_BYTES]
        slot_key = _hmac(self.secret, b"SlotMasterKey" + bytes([number]))[:KEY_BYTES]
        return aes_cmac(slot_key, b"\x01" + own)

    def file(self, uid: str) -> bytes:
        """SDMFileRead of one card: what its MAC is made with."""
        return self.slot(uid, FILE_SLOT)

    def card(self, uid: str, url: str) -> CardKeys:
        """All that a station needs to make one card."""
        keys = [self.slot(uid, number) for number in range(SLOTS)]
        keys[META_SLOT] = self.meta
        return CardKeys(tuple(keys), url)


def card_secret(key: MasterKey) -> CardSecret:
    """The secret of the district whose master key this is."""
    return CardSecret(key.derive(PURPOSE))


def card_keys(key: MasterKey, uid: str, url: str) -> CardKeys:
    """The keys of the card with this UID (14 hex digits), whose link begins with `url`."""
    return card_secret(key).card(uid, url)


def card_url(config: Config) -> str:
    """What the cards' links begin with."""
    return f"{config.public_url}/t"


@dataclass(frozen=True, slots=True)
class Wish:
    """A station asks for the keys of a card on somebody's behalf. `nonce`: of its request."""

    station_id: str
    actor: str
    tag: str
    nonce: str


def give_keys(
    session: Session, config: Config, key: MasterKey, wish: Wish, now: datetime
) -> CardKeys:
    """The keys of one card, noted down without the keys.

    Raises `Refusal`: `not_allowed` unless the actor is a supervisor or manager at work here,
    what is wrong with the tag's id, `too_many_tries` beyond the hour's limit of the station.
    """
    actor = session.get(PersonRow, wish.actor)
    if actor is None or not actor.is_active or _MAY_MAKE_CARDS.isdisjoint(actor.roles):
        raise Refusal("not_allowed")
    tag_id, uid = _uid_of(wish.tag)
    # Two at once must not both be the last one of the hour.
    session.get(StationRow, wish.station_id, with_for_update=True)
    given = select(CardKeyRow).where(CardKeyRow.station_id == wish.station_id)
    in_hour = given.where(CardKeyRow.given_at > now - _HOUR)
    count = session.scalar(select(func.count()).select_from(in_hour.subquery())) or 0
    if count >= config.card_keys_per_hour:
        limit = config.card_keys_per_hour
        raise Refusal("too_many_tries", limit=limit, retry_after_s=int(_HOUR.total_seconds()))
    session.add(
        CardKeyRow(
            id=uuid7(now),
            station_id=wish.station_id,
            actor=actor.id,
            tag_id=tag_id,
            given_at=now,
            nonce=wish.nonce,
        )
    )
    return card_keys(key, uid, card_url(config))


def _uid_of(tag: str) -> tuple[str, str]:
    """Canonical id and UID of a card that can hold keys. Raises `Refusal`."""
    try:
        tag_id = check_lasting(tag)
    except TagIDError as error:
        if error.code in HTTP_STATUS:
            raise Refusal(error.code) from None
        raise Refusal("bad_request", detail=f"tag: {error}") from None
    kind, _, uid = tag_id.partition(":")
    if kind != "nfca" or len(uid) != 2 * UID_BYTES:
        raise Refusal("tag_not_secure", detail="only a card with a UID of 7 bytes holds keys")
    return tag_id, uid


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
