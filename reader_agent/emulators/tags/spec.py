"""Tags as the commands of an emulated reader name them.

A text is the shortest: `"nfca:<hex>"`, 4 bytes a MIFARE Classic 1K, 7 an NTAG215, 10 a tag that
has only its UID. An object says more:

| name                 | meaning                                                | for            |
| -------------------- | ------------------------------------------------------ | -------------- |
| `model`              | one of `MODELS`                                        | all            |
| `uid`                | hex, 4, 7 or 10 bytes                                  | all            |
| `url`                | what its NDEF message says                             | Type 2, 424    |
| `signature`          | hex, what READ_SIG answers                             | NTAG           |
| `counter`            | reads up to now                                        | NTAG           |
| `blocks`             | `{"8": "<32 hex>"}`, block by block                    | classic1k, 4k  |
| `meta_key`,          | hex; slots 1 and 2 of a card that was personalised     | ntag424        |
| `file_key`           |                                                        |                |
| `keys`               | all five, hex, instead                                 | ntag424        |
| `random_uid`         | true: another 08xxxxxx in every field                  | ntag424        |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.tags.classic import BLOCK_BYTES, MifareClassic
from reader_agent.emulators.tags.desfire import Desfire
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.ntag424 import FILE, META
from reader_agent.emulators.tags.ntag424_files import KEY_COUNT
from reader_agent.emulators.tags.ntag424_personal import blank_card, personal_card
from reader_agent.emulators.tags.signatures import NTAG21X_BYTES, NTAG424_BYTES
from reader_agent.emulators.tags.type2_tag import (
    NTAG213,
    NTAG215,
    NTAG216,
    ULTRALIGHT,
    Chip,
    Type2Tag,
)
from schemas.tag_ids import TagIDError, parse_tag_id

KEY_BYTES = 16

_Settings = Mapping[str, object]


def make_tag(spec: object) -> TagModel:
    """A new tag, as its memory was at first. Raises `BadCommand`."""
    settings = _settings_of(spec)
    make, uid_lengths, names = _MODELS[_text(settings, "model")]
    uid = _uid_of(settings, uid_lengths)
    for name in settings:
        if name not in {"model", "uid", *names}:
            raise BadCommand(f"a tag of this model has no {name}")
    try:
        return make(uid, settings)
    except ValueError as error:
        raise BadCommand(str(error)) from None


class Drawer:
    """The tags somebody has at hand. One that was laid on a reader before is the same one when it
    is laid on again, with its memory and counters, as long as it is named in the same words."""

    def __init__(self) -> None:
        self._tags: dict[bytes, tuple[str, TagModel]] = {}

    def take(self, spec: object) -> TagModel:
        """The tag that `spec` names. A known UID described otherwise is a new tag, which
        replaces the old one; the text `nfca:…` alone means the tag of that UID, however it was
        described before. Raises `BadCommand`."""
        settings = _settings_of(spec)
        uid = _hex(settings, "uid")
        words = json.dumps(settings, sort_keys=True)
        known = self._tags.get(uid)
        if known is not None and (isinstance(spec, str) or known[0] == words):
            return known[1]
        tag = make_tag(spec)
        self._tags[uid] = words, tag
        return tag


def _settings_of(spec: object) -> _Settings:
    if isinstance(spec, str):
        return _bare(spec)
    if not isinstance(spec, dict) or not all(isinstance(name, str) for name in spec):
        raise BadCommand("a tag is a text nfca:… or an object")
    if _text(spec, "model") not in _MODELS:
        raise BadCommand(f"model is one of: {', '.join(MODELS)}")
    return spec


def _bare(text: str) -> _Settings:
    try:
        tag_id = parse_tag_id(text)
    except TagIDError as error:
        raise BadCommand(str(error)) from None
    kind, _, digits = tag_id.partition(":")
    if kind != "nfca":
        raise BadCommand("a 13.56 MHz reader reads nfca: tags only")
    model = {8: "classic1k", 14: "ntag215", 20: "ultralight"}[len(digits)]
    return {"model": model, "uid": digits}


def _uid_of(settings: _Settings, lengths: tuple[int, ...]) -> bytes:
    uid = _hex(settings, "uid")
    if len(uid) not in lengths:
        raise BadCommand(f"the uid of this model has {' or '.join(map(str, lengths))} bytes")
    return uid


def _text(settings: _Settings, name: str) -> str:
    value = settings.get(name)
    if not isinstance(value, str):
        raise BadCommand(f"a tag needs {name}, a text")
    return value


def _hex(settings: _Settings, name: str, length: int | None = None) -> bytes:
    digits = _text(settings, name)
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        raise BadCommand(f"{name} takes hex digits") from None
    if length is not None and len(value) != length:
        raise BadCommand(f"{name} has {length} bytes")
    return value


def _url(settings: _Settings) -> str | None:
    return _text(settings, "url") if settings.get("url") is not None else None


def _counter(settings: _Settings) -> int:
    counter = settings.get("counter", 0)
    if not isinstance(counter, int) or not 0 <= counter <= 0xFFFFFF:
        raise BadCommand("counter is a whole number of 24 bits")
    return counter


def _classic(uid: bytes, settings: _Settings, blocks: int) -> TagModel:
    named = settings.get("blocks", {})
    if not isinstance(named, dict):
        raise BadCommand("blocks is an object")
    contents = {}
    for number in named:
        if not isinstance(number, str) or not number.isdecimal() or not int(number) < blocks:
            raise BadCommand("blocks is named by numbers of blocks")
        contents[int(number)] = _hex(named, number, BLOCK_BYTES)
    return MifareClassic(uid, contents, blocks=blocks)


def _type2(uid: bytes, settings: _Settings, chip: Chip) -> TagModel:
    signature = _hex(settings, "signature", NTAG21X_BYTES) if "signature" in settings else None
    return Type2Tag(uid, chip, url=_url(settings), signature=signature, counter=_counter(settings))


def _ntag424(uid: bytes, settings: _Settings) -> TagModel:
    signature = _hex(settings, "signature", NTAG424_BYTES) if "signature" in settings else None
    has_random_uid = settings.get("random_uid", False)
    if not isinstance(has_random_uid, bool):
        raise BadCommand("random_uid is true or false")
    keys = _card_keys(settings)
    url = _url(settings)
    if keys is None:
        if "counter" in settings:
            raise BadCommand("a card that was not personalised counts nothing")
        return blank_card(uid, url, signature=signature, has_random_uid=has_random_uid)
    if url is None:
        raise BadCommand("a card with keys needs url, which its link begins with")
    return personal_card(
        uid,
        url,
        keys,
        counter=_counter(settings),
        signature=signature,
        has_random_uid=has_random_uid,
    )


def _card_keys(settings: _Settings) -> list[bytes] | None:
    if "keys" in settings:
        named = settings["keys"]
        if not isinstance(named, list) or len(named) != KEY_COUNT:
            raise BadCommand(f"keys is a list of {KEY_COUNT}")
        if "meta_key" in settings or "file_key" in settings:
            raise BadCommand("give keys, or meta_key and file_key")
        return [_hex({"key": key}, "key", KEY_BYTES) for key in named]
    if "meta_key" not in settings and "file_key" not in settings:
        return None
    keys = [bytes(KEY_BYTES)] * KEY_COUNT
    keys[META] = _hex(settings, "meta_key", KEY_BYTES)
    keys[FILE] = _hex(settings, "file_key", KEY_BYTES)
    return keys


_Make = Callable[[bytes, _Settings], TagModel]
_NTAG = ("url", "signature", "counter")
_MODELS: dict[str, tuple[_Make, tuple[int, ...], tuple[str, ...]]] = {
    "classic1k": (lambda uid, said: _classic(uid, said, 64), (4, 7), ("blocks",)),
    "classic4k": (lambda uid, said: _classic(uid, said, 256), (4, 7), ("blocks",)),
    "ultralight": (lambda uid, said: _type2(uid, said, ULTRALIGHT), (7, 10), ("url",)),
    "ntag213": (lambda uid, said: _type2(uid, said, NTAG213), (7,), _NTAG),
    "ntag215": (lambda uid, said: _type2(uid, said, NTAG215), (7,), _NTAG),
    "ntag216": (lambda uid, said: _type2(uid, said, NTAG216), (7,), _NTAG),
    "ntag424": (_ntag424, (7,), (*_NTAG, "meta_key", "file_key", "keys", "random_uid")),
    "desfire": (lambda uid, said: Desfire(uid), (7,), ()),
}
MODELS = tuple(_MODELS)
"""The names of the models."""
