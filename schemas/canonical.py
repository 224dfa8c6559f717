"""One byte string for one value: the form in which facts are hashed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


class NotCanonical(ValueError):
    """The value has no canonical form: it holds a float or a key that is not text."""


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces.

    Floats are refused (`NotCanonical`): two writers may print one float in two ways, and a
    hash over it would then depend on the writer. Units are chosen so that integers do.
    """
    _refuse_floats(value)
    return _encode(value).encode()


# Made once: `json.dumps` makes another one at each call.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _refuse_floats(value: object) -> None:
    if value is None or isinstance(value, (str, int)):
        return
    if isinstance(value, float):
        raise NotCanonical(f"a float has no canonical form: {value!r}")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonical(f"a key must be text: {key!r}")
            _refuse_floats(item)
    elif isinstance(value, Sequence):
        for item in value:
            _refuse_floats(item)
