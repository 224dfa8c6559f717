"""Who reads the screen: in which language, in which light."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Request
from werkzeug.wrappers import Response

from booth_ui import panama_time
from schemas.catalog import LANGUAGES, Catalog, pick_language

LANGUAGE_COOKIE = "language"
THEME_COOKIE = "theme"
THEMES = ("night", "day")
_KEEP_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Viewer:
    """The words and the light of one request; its methods are what templates call."""

    catalog: Catalog
    language: str
    theme: str

    def t(self, key: str, /, **values: object) -> str:
        """The words for a key in this viewer's language."""
        return self.catalog.text(self.language, key, **values)

    def time(self, at: datetime) -> str:
        """A time of day in Panama."""
        return panama_time.clock_words(self.catalog, self.language, at)

    def age(self, age_s: float | None) -> str:
        """A duration."""
        return panama_time.age_words(self.catalog, self.language, age_s)


def viewer_of(asked: Request, catalog: Catalog, now: datetime) -> Viewer:
    """The choices kept in cookies; without them the browser's language, and the hour's light."""
    language = pick_language(
        asked.cookies.get(LANGUAGE_COOKIE), asked.headers.get("Accept-Language", "")
    )
    theme = asked.cookies.get(THEME_COOKIE, "")
    if theme not in THEMES:
        theme = "night" if panama_time.is_night(now) else "day"
    return Viewer(catalog, language, theme)


def keep_choice(response: Response, language: str | None, theme: str | None) -> None:
    """Remember what was chosen; what is neither a language nor a theme is ignored."""
    if language in LANGUAGES:
        _keep(response, LANGUAGE_COOKIE, language)
    if theme in THEMES:
        _keep(response, THEME_COOKIE, theme)


def _keep(response: Response, name: str, value: str | None) -> None:
    response.set_cookie(name, value or "", max_age=_KEEP_S, httponly=True, samesite="Strict")
