"""The hash chain of a journal: each event names the hash of the one before it.

A sealed line is the canonical JSON of the event with its own hash appended as the last
member. The hash covers the exact bytes before it, so a line is checked without being
serialised again, and it travels and is stored as those bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from schemas.canonical import canonical_json

_SUFFIX_START = b',"hash":"'
_DECODER = json.JSONDecoder()
_SUFFIX_LEN = len(_SUFFIX_START) + 64 + len(b'"}')


class ChainError(ValueError):
    """A line that is not a sealed event. `code` is `not_sealed`, `bad_hash` or `not_json`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def genesis(journal_id: str) -> str:
    """The `prev` of the first event of a journal: 64 hex digits that only this journal has."""
    return hashlib.sha256(b"valet-journal:" + journal_id.encode()).hexdigest()


def seal(body: dict[str, Any]) -> tuple[bytes, str]:
    """The sealed line of an event body and its hash (64 hex digits)."""
    raw = canonical_json(body)
    digest = hashlib.sha256(raw).hexdigest()
    return raw[:-1] + _SUFFIX_START + digest.encode() + b'"}', digest


def _parse(raw: bytes) -> Any:
    """What `json.loads` gives; of an object as we write them, without its search for the encoding
    and for spaces around it. Raises `ValueError` and `RecursionError`."""
    if not raw.startswith(b'{"'):
        return json.loads(raw)
    value, end = _DECODER.raw_decode(text := raw.decode("utf-8", "surrogatepass"))
    if end != len(text):
        raise ValueError("more than one value")
    return value


def unseal(line: bytes) -> tuple[dict[str, Any], str]:
    """The event body (without its hash) and the hash of a sealed line, checked.

    Raises `ChainError`.
    """
    suffix = line[-_SUFFIX_LEN:]
    if len(line) <= _SUFFIX_LEN or not suffix.startswith(_SUFFIX_START) or suffix[-2:] != b'"}':
        raise ChainError("not_sealed")
    raw = line[:-_SUFFIX_LEN] + b"}"
    digest = hashlib.sha256(raw).hexdigest()
    if suffix[len(_SUFFIX_START) : -2] != digest.encode():
        raise ChainError("bad_hash")
    try:
        body = _parse(raw)
    except (ValueError, RecursionError):
        raise ChainError("not_json") from None
    if not isinstance(body, dict):
        raise ChainError("not_json")
    return body, digest
