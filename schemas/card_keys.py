"""The keys that one card gets, and the address it will say, as the cloud hands them to a station.

They go over the wire once, to a station that is making this one card, and are kept nowhere: a
station forgets them when the card is done. Nothing here may be logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, fields, post_load, validate

KEY_BYTES = 16
SLOTS = 5

MASTER_SLOT = 0
META_SLOT = 1
FILE_SLOT = 2

_KEY = validate.Regexp(r"[0-9A-Fa-f]{32}\Z", error="a key is 32 hex digits")
# It begins a URL whose query the card writes, in 256 bytes of file: so short, and no query yet.
_URL = validate.Regexp(
    r"https?://[A-Za-z0-9.:\[\]-]{1,80}(?:/[A-Za-z0-9._~/-]{0,60})?\Z",
    error="write it as https://host/t: no spaces, no query, no fragment",
)


@dataclass(frozen=True, slots=True, repr=False)
class CardKeys:
    """What one NTAG 424 DNA is made with.

    `app` has the five AES-128 keys by slot: master (0), SDMMetaRead (1), SDMFileRead (2) and two
    spare ones, which are set so that nobody finds them at the factory's zeros. `url` is what the
    card's link begins with, up to and without the question mark. Printing one shows no key.
    """

    app: tuple[bytes, ...]
    url: str

    @property
    def master(self) -> bytes:
        """Slot 0: changes the other keys and the settings."""
        return self.app[MASTER_SLOT]

    @property
    def meta(self) -> bytes:
        """Slot 1: hides UID and counter in the link. The same on every card of the district,
        because which card it is, is not known before it is used."""
        return self.app[META_SLOT]

    @property
    def file(self) -> bytes:
        """Slot 2: what the MAC of the link is made with. This card's own."""
        return self.app[FILE_SLOT]

    def to_wire(self) -> dict[str, Any]:
        """As JSON takes it: `{"keys": [5 × 32 hex], "url": "…"}`."""
        return {"keys": [key.hex().upper() for key in self.app], "url": self.url}

    @staticmethod
    def from_wire(body: object) -> CardKeys:
        """The keys in a decoded JSON body. Raises `marshmallow.ValidationError`."""
        if not isinstance(body, dict):
            body = {}
        loaded: CardKeys = CardKeysSchema().load(body)
        return loaded


class CardKeysSchema(Schema):
    """See `CardKeys.to_wire`."""

    class Meta:
        unknown = RAISE

    keys = fields.List(
        fields.String(validate=_KEY), required=True, validate=validate.Length(equal=SLOTS)
    )
    url = fields.String(required=True, validate=_URL)

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> CardKeys:
        return CardKeys(tuple(bytes.fromhex(key) for key in data["keys"]), data["url"])
