"""The texts of messages in the district's own words, each in one part at worst."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.catalog import LANGUAGES, Catalog
from schemas.district import BOOTH
from schemas.problems import Refusal
from server.administration.record import (
    CHANGED,
    TEXT,
    Act,
    BadForm,
    Subject,
    check_edition,
    note,
)
from server.config import Config
from server.district import next_version
from server.local_time import clock_text
from server.models import MessageTextRow, PlaceRow
from server.outbox import TEMPLATES
from server.sms.text import (
    BOOTH_CHARS_MIN,
    ONE_PART,
    Words,
    fill,
    link_to,
    own_text,
    septets,
    to_gsm_7,
)

_PLACE = re.compile(r"\{([a-z_]+)\}")
_TOKEN_CHARS = 22
_CHARS_MAX = 400
# The longest there are: of a booth that has given out many; an hour and a minute of two digits.
_CODE = "W-00000"
_LATE = datetime(2026, 1, 1, 22, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """How a text goes out at worst. `cut`: the booth whose name is shortened to fit, if one is."""

    text: str
    septets: int
    cut: str | None


def check_known(template: str, language: str) -> None:
    """Raises `Refusal("unknown_text")`."""
    if template not in TEMPLATES or language not in LANGUAGES:
        raise Refusal("unknown_text")


def default_text(catalog: Catalog, template: str, language: str) -> str:
    """What the program comes with."""
    return catalog.text(language, f"sms.{template}")


def current_text(session: Session, catalog: Catalog, template: str, language: str) -> str:
    """What is sent now."""
    own = own_text(session, template, language)
    return default_text(catalog, template, language) if own is None else own


def places_in(text: str) -> list[str]:
    """The places that a text leaves open, in order: `code`, `booth`, `time`, `link`."""
    return _PLACE.findall(text)


def values_of(text: str) -> dict[str, Any]:
    """What a form shows and changes."""
    return {"text": text}


def save(
    session: Session,
    config: Config,
    catalog: Catalog,
    key: tuple[str, str],
    typed: str | None,
    edition: str,
    act: Act,
) -> None:
    """Give a template (`key`: its name and language) a text, or (None) the program's own again.

    Raises `Refusal("unknown_text")`, `Stale`, and `BadForm`: `text_places` for one that lacks a
    place or has one too many, `text_letters` for one with signs that no message can carry,
    `text_too_long` for one that does not fit one part at worst.
    """
    template, language = key
    check_known(template, language)
    next_version(session)
    before = current_text(session, catalog, template, language)
    check_edition(values_of(before), edition)
    standard = default_text(catalog, template, language)
    text = standard if typed is None else " ".join(typed.split())
    _check(session, config, catalog, language, text, standard)
    if text == before:
        return
    kept = None if text == standard else text
    session.merge(MessageTextRow(template=template, language=language, text=kept))
    subject = Subject(TEXT, f"{template}.{language}", template)
    note(session, act, subject, CHANGED, values_of(before), values_of(text))


def sample(session: Session, config: Config, catalog: Catalog, language: str, text: str) -> Sample:
    """A text with the longest values that it can get today."""
    booths = session.scalars(
        select(PlaceRow.name).where(PlaceRow.kind == BOOTH, PlaceRow.archived_at.is_(None))
    )
    longest = max((to_gsm_7(name) for name in booths), key=septets, default="")
    filled = fill(text, _worst(config, catalog, language, longest))
    is_cut = "booth" in places_in(text) and longest not in filled
    return Sample(filled, septets(filled), longest if is_cut else None)


def _check(
    session: Session, config: Config, catalog: Catalog, language: str, text: str, standard: str
) -> None:
    if not 0 < len(text) <= _CHARS_MAX:
        raise BadForm(("text",), code="text_too_long")
    rest = _PLACE.sub("", text)
    if sorted(places_in(text)) != sorted(places_in(standard)) or "{" in rest or "}" in rest:
        raise BadForm(("text",), code="text_places")
    # A sign that has no likeness among those that a message can carry becomes a question mark.
    if any(to_gsm_7(char) != char and to_gsm_7(char) in ("?", "") for char in rest):
        raise BadForm(("text",), code="text_letters")
    shortest = _worst(config, catalog, language, "W" * BOOTH_CHARS_MIN)
    if septets(fill(text, shortest)) > ONE_PART:
        raise BadForm(("text",), code="text_too_long")


def _worst(config: Config, catalog: Catalog, language: str, booth: str) -> Words:
    time = clock_text(catalog, language, _LATE, ZoneInfo("UTC"))
    return Words(_CODE, booth, time, link_to(config.public_url, "W" * _TOKEN_CHARS))
