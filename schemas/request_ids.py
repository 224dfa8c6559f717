"""The id of one round trip: whoever begins it makes one up, and both sides say it in their logs.

It travels in the header that proxies use for the same, so that one of theirs is taken over.
"""

from __future__ import annotations

import re
import secrets

REQUEST_ID_HEADER = "X-Request-Id"
# Hex digits and dashes: a UUID, or the id of a proxy. So many that it is no phone number.
_FORM = re.compile(r"[0-9A-Fa-f-]{16,64}")
_RANDOM_BYTES = 16


def new_request_id() -> str:
    """An id that nobody had before: 32 hex digits."""
    return secrets.token_hex(_RANDOM_BYTES)


def checked_request_id(said: str | None) -> str:
    """The id that was said, or a new one for what is too long, too short or holds other letters:
    it will stand in logs."""
    return said if said is not None and _FORM.fullmatch(said) else new_request_id()
