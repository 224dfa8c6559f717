"""Ids of what administrators make: out of the name, so that nobody has to think one up."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy.orm import Session

from server.models import ClosureRow, PersonRow, PlaceRow

_LETTERS_MAX = 34


def free_id(
    session: Session, table: type[PlaceRow | PersonRow | ClosureRow], name: str, otherwise: str
) -> str:
    """The name in lower-case letters, digits and dashes, with a number behind if it is taken.

    `otherwise`: for a name without a letter that could stand in an id.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LETTERS_MAX].rstrip("-") or otherwise
    found, number = slug, 1
    while session.get(table, found) is not None:
        number += 1
        found = f"{slug}-{number}"
    return found
