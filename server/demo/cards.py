"""The demo's claim cards: NTAG 424 DNA made of software, with this cloud's keys in them."""

from __future__ import annotations

import secrets
import threading
from collections import Counter

from schemas.card_keys import CardKeys
from schemas.sun import sun_url
from server.card_keys import card_keys
from server.master_key import MasterKey

_STEP = 16
"""A station may read a card more than once at a tap. Counters may jump, never go back."""


class DemoCards:
    """Knows each card's keys and how often it has been read. `url`: what its link begins with."""

    def __init__(self, key: MasterKey, url: str) -> None:
        self._key = key
        self._url = url
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()

    def spec(self, tag: str) -> dict[str, object]:
        """The card as an emulated reader is told to lay it on its field."""
        keys = self._keys(tag)
        return {
            "model": "ntag424",
            "uid": _uid(tag),
            "url": keys.url,
            "keys": [key.hex() for key in keys.app],
            "counter": self._next(tag),
        }

    def link(self, tag: str) -> str:
        """The link that a phone gets when the card is tapped with it; a new one each time."""
        keys, counter = self._keys(tag), self._next(tag) + 1
        padding = secrets.token_bytes(5)
        return sun_url(keys.url, _uid(tag), counter, keys.meta, keys.file, padding)

    def _keys(self, tag: str) -> CardKeys:
        return card_keys(self._key, _uid(tag), self._url)

    def _next(self, tag: str) -> int:
        with self._lock:
            self._counters[tag] += _STEP
            return self._counters[tag]


def is_card(tag: str) -> bool:
    """Whether the tag lies on a 13.56 MHz reader."""
    return tag.startswith("nfca:")


def _uid(tag: str) -> str:
    return tag.removeprefix("nfca:")
