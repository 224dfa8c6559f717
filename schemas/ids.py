"""Identifiers made by the program itself, so that no database has to hand them out."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime


def uuid7(now: datetime, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A UUIDv7 (RFC 9562, 5.7) for the instant `now`: 48 bits of milliseconds, 74 random bits.

    Ours rather than a package's because time and randomness are passed in: the same seed
    then gives the same night.
    """
    unix_ms = int(now.timestamp() * 1000)
    tail = int.from_bytes(random_bytes(10), "big")
    value = (unix_ms & (2**48 - 1)) << 80
    value |= 0x7 << 76 | ((tail >> 62) & 0xFFF) << 64
    value |= 0b10 << 62 | (tail & (2**62 - 1))
    return str(uuid.UUID(int=value))
