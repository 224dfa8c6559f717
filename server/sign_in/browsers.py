"""A browser by a short plain name, for its owner to know it by: Chrome on Android.

What a browser says of itself (`User-Agent`) is long, and says more of a machine than anybody needs:
it is never kept and on no page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# In this order: each of them names those after it, too.
_BROWSERS: Final = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("OPT/", "Opera"), ("SamsungBrowser", "Samsung")),
    *(("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome")),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)
_NAMES: Final = frozenset(name for _, name in _BROWSERS)
_PLACES: Final = frozenset(name for _, name in _SYSTEMS)
_BETWEEN: Final = " · "


@dataclass(frozen=True, slots=True)
class Browser:
    """Which browser on which system; empty for what is none that we know."""

    name: str = ""
    system: str = ""

    @property
    def key(self) -> str:
        """Of the words for it, which have the places `name` and `system`."""
        known = "_".join(
            part for part, there in (("name", self.name), ("system", self.system)) if there
        )
        return f"manage.account.browser.{known or 'unknown'}"

    def __str__(self) -> str:
        """As a session keeps it."""
        return _BETWEEN.join(filter(None, (self.name, self.system)))


def browser_of(user_agent: str) -> Browser:
    """What says this of itself."""
    name = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return Browser(name, system)


def kept_as(text: str | None) -> Browser:
    """The browser of a session; of any other text no word is taken."""
    parts = frozenset((text or "").split(_BETWEEN))
    return Browser(
        next(iter(parts & _NAMES), ""),
        next(iter(parts & _PLACES), ""),
    )
