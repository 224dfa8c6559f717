"""Number plates as they are typed at a booth."""

from __future__ import annotations

import re

from schemas.problems import Refusal

_PLATE = re.compile(r"[A-Z0-9]{2,10}")


def normalise_plate(text: str) -> str:
    """Upper case without spaces, dots and dashes; `Refusal("bad_plate")` if nothing usable is left.

    Foreign plates exist, so only what cannot be a plate anywhere is refused.
    """
    plate = re.sub(r"[\s.\-·]", "", text).upper()
    if not _PLATE.fullmatch(plate):
        raise Refusal("bad_plate")
    return plate
