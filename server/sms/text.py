"""What a text message says, in the alphabet that keeps it to one part.

A part holds 160 characters of the GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1), of
which nine cost two; one character outside of it makes the whole message UCS-2 with 70 a
part. Joined parts hold 153 or 67. The alphabet has ñ and é but not á, í, ó and ú.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlalchemy.orm import Session

from schemas.catalog import Catalog
from server.models import MessageTextRow

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_TWICE = frozenset("\f^{}\\[~]|€")
ONE_PART = 160
_JOINED = 153
_UCS2_ONE_PART = 70
_UCS2_JOINED = 67
BOOTH_CHARS_MIN = 8
_LOOKS_ALIKE = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "."})


@dataclass(frozen=True, slots=True)
class Words:
    """What a template may need: the ticket's code, the booth's name, a time, the link."""

    code: str
    booth: str
    time: str
    link: str


def link_to(public_url: str, token: str) -> str:
    """The address of the driver's page."""
    return f"{public_url}/t/{token}"


def own_text(session: Session, template: str, language: str) -> str | None:
    """The district's own words for a template, with its places still open; None if it has none."""
    row = session.get(MessageTextRow, (template, language))
    return None if row is None else row.text


def render(
    catalog: Catalog, language: str, template: str, words: Words, own: str | None = None
) -> str:
    """The text of a template; `own`: in the district's own words."""
    return fill(catalog.text(language, f"sms.{template}") if own is None else own, words)


def fill(text: str, words: Words) -> str:
    """A text with its places filled. A booth's name that is too long for one part is cut short."""
    filled = _filled(text, words, words.booth)
    excess = septets(filled) - ONE_PART
    if excess <= 0:
        return filled
    short = words.booth[: max(BOOTH_CHARS_MIN, len(words.booth) - excess)].rstrip()
    return _filled(text, words, short)


def _filled(text: str, words: Words, booth: str) -> str:
    return to_gsm_7(text.format(code=words.code, booth=booth, time=words.time, link=words.link))


def to_gsm_7(text: str) -> str:
    """The text in GSM-7: letters it lacks lose their accent, what is left becomes a `?`."""
    return "".join(_fitting(char) for char in text.translate(_LOOKS_ALIKE))


def _fitting(char: str) -> str:
    if char in GSM_7 or char in GSM_7_TWICE:
        return char
    plain = unicodedata.normalize("NFKD", char)
    kept = "".join(part for part in plain if part in GSM_7)
    return kept or ("" if unicodedata.combining(char) else "?")


def septets(text: str) -> int:
    """How many of a part's 160 places a GSM-7 text takes."""
    return sum(2 if char in GSM_7_TWICE else 1 for char in text)


def parts(text: str) -> int:
    """How many parts a text is sent and billed as."""
    if any(char not in GSM_7 and char not in GSM_7_TWICE for char in text):
        costs = [2 if ord(char) > 0xFFFF else 1 for char in text]
        return _parts(costs, _UCS2_ONE_PART, _UCS2_JOINED)
    costs = [2 if char in GSM_7_TWICE else 1 for char in text]
    return _parts(costs, ONE_PART, _JOINED)


def _parts(costs: list[int], one_part: int, joined: int) -> int:
    if sum(costs) <= one_part:
        return 1
    # A character of two places is never torn over two parts.
    count, room = 1, joined
    for cost in costs:
        if cost > room:
            count, room = count + 1, joined
        room -= cost
    return count
