"""Number plates as they are typed at a booth."""

from __future__ import annotations

import re

from schemas.problems import Refusal

_PLATE = re.compile(r"[A-Z0-9]{2,10}")
_PANAMANIAN = re.compile(r"[A-Z]{2}[0-9]{4}|[0-9]{6}")


def normalise_plate(text: str) -> str:
    """Upper case without spaces, dots and dashes; `Refusal("bad_plate")` if nothing usable is left.

    Foreign plates exist, so only what cannot be a plate anywhere is refused.
    """
    plate = re.sub(r"[\s.\-·]", "", text).upper()
    if not _PLATE.fullmatch(plate):
        raise Refusal("bad_plate")
    return plate


def is_usual_plate(plate: str) -> bool:
    """Whether a normalised plate has a form issued in Panama (AB1234, or six digits)."""
    return bool(_PANAMANIAN.fullmatch(plate))
