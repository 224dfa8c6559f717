"""What a station can tell of a claim tag by itself: whether it may be used, and what it said.

A card with our keys says a new link at every reading. A station has no keys to check it with: it
keeps the link for the cloud, and refuses a secure tag that said nothing, because that is what a
copy of its number looks like.
"""

from __future__ import annotations

from schemas.district import TAG_ACTIVE, TAG_LOST, Tag
from schemas.problems import Refusal

URL_MAX = 512
"""As much as an event may hold of what a tag said."""
_SCHEMES = ("https://", "http://")


def claim_url_of(text: str | None) -> str | None:
    """The link in what a tag said; None where it said nothing, or nothing that is a link."""
    if text is None or len(text) > URL_MAX or not text.startswith(_SCHEMES):
        return None
    # Anything else could not be stored by the cloud, and no card of ours says it.
    return text if text.isascii() and text.isprintable() else None


def check_usable(tag: Tag | None) -> None:
    """Refusal `tag_lost` or `tag_retired` for a tag that opens nothing any more."""
    if tag is not None and tag.status != TAG_ACTIVE:
        raise Refusal("tag_lost" if tag.status == TAG_LOST else "tag_retired")


def check_proven(tag: Tag | None, claim_url: str | None) -> None:
    """Refusal `card_unproven` for a tag that proves itself and has not."""
    if tag is not None and tag.is_secure and claim_url is None:
        raise Refusal("card_unproven")
