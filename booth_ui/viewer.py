"""Who reads the screen: in which language, in which light, with which hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Request
from werkzeug.wrappers import Response

from booth_ui import panama_time
from schemas.catalog import LANGUAGES, Catalog, pick_language

NIGHT, DAY, BY_HOUR = "night", "day", "auto"
LIGHTS = (DAY, NIGHT, BY_HOUR)
RIGHT, LEFT = "right", "left"
HANDS = (RIGHT, LEFT)
OFF, LOW, HIGH = "off", "low", "high"
VOLUMES = (OFF, LOW, HIGH)
CHOICES = {"language": LANGUAGES, "theme": LIGHTS, "hand": HANDS, "volume": VOLUMES}
"""What can be chosen for this screen, each kept in a cookie of its name."""
_KEEP_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Viewer:
    """The words and the looks of one request; its methods are what templates call. `light` is
    what was chosen, `theme` what comes of it now; `hand` is where the thumb is; `volume` is of
    `VOLUMES`."""

    catalog: Catalog
    language: str
    theme: str
    light: str = BY_HOUR
    hand: str = RIGHT
    volume: str = HIGH

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
    """The choices kept in cookies; without them the browser's language, the hour's light,
    the right hand, and all the sound there is."""
    language = pick_language(
        asked.cookies.get("language"), asked.headers.get("Accept-Language", "")
    )
    light = _chosen(asked, "theme", BY_HOUR)
    by_hour = NIGHT if panama_time.is_night(now) else DAY
    theme = by_hour if light == BY_HOUR else light
    hand, volume = _chosen(asked, "hand", RIGHT), _chosen(asked, "volume", HIGH)
    return Viewer(catalog, language, theme, light, hand, volume)


def keep_choice(response: Response, name: str, choice: str | None) -> None:
    """Remember what was chosen of `CHOICES`; what is not offered there is ignored."""
    if choice in CHOICES.get(name, ()):
        response.set_cookie(name, str(choice), max_age=_KEEP_S, httponly=True, samesite="Strict")


def _chosen(asked: Request, name: str, default: str) -> str:
    choice = asked.cookies.get(name, "")
    return choice if choice in CHOICES[name] else default
