"""The four digits that prove, at hand-over, that the driver holds the link.

HMAC-based one-time password by time step (RFC 6238 with SHA-256, four digits, steps of
five minutes). The key is the visit's own, known to the cloud and to the stations, so a
booth that is cut off can still check a code.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

STEP_S = 300
DIGITS = 4


def code_at(key: bytes, now: datetime) -> str:
    """The code that the link shows at `now`."""
    return _code(key, int(now.timestamp()) // STEP_S)


def is_code(key: bytes, typed: str, now: datetime) -> bool:
    """Whether `typed` is the code of this step or of one beside it, compared in constant time.

    A neighbour counts because the driver may have read the page just before it turned, and
    a booth's clock may be a little off.
    """
    step = int(now.timestamp()) // STEP_S
    # As bytes: of two texts, `compare_digest` takes only ASCII, and people type what they like.
    given = typed.encode(errors="replace")
    codes = (_code(key, step + near).encode() for near in (-1, 0, 1))
    matches = [hmac.compare_digest(code, given) for code in codes]
    return any(matches)


def _code(key: bytes, step: int) -> str:
    # Signed, because a Pi without a clock may live before 1970 began.
    digest = hmac.new(key, step.to_bytes(8, "big", signed=True), hashlib.sha256).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)
