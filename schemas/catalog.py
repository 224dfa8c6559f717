"""The words that people read, by key, from gettext catalogs.

Code and templates hold keys (`booth.receive.title`); `translations/<lang>/LC_MESSAGES/
*.po` beside them holds the words, in Spanish and in English.
"""

from __future__ import annotations

import gettext
from pathlib import Path

LANGUAGES = ("es", "en")
DEFAULT_LANGUAGE = "es"


class Catalog:
    """The catalogs of one folder, loaded once."""

    def __init__(self, folder: Path, *domains: str) -> None:
        """Load these domains (files; `messages` if none is named) in every language.

        Raises `FileNotFoundError` when one was not compiled (run `make assets`).
        """
        self._languages = {
            language: _load(folder, domains or ("messages",), language) for language in LANGUAGES
        }

    def text(self, language: str, key: str, /, **values: object) -> str:
        """The words for `key`, with `{name}` places filled from `values`.

        A key without words gives the key itself, so that a screen still says something;
        a test holds the catalogs complete.
        """
        words = self._languages[language].gettext(key)
        return words.format(**values) if values else words


def _load(folder: Path, domains: tuple[str, ...], language: str) -> gettext.NullTranslations:
    first, *others = (gettext.translation(domain, folder, [language]) for domain in domains)
    for other in others:
        first.add_fallback(other)
    return first


def pick_language(wanted: str | None, accepted: str = "") -> str:
    """One of `LANGUAGES`: the wanted one, else the first accepted (an Accept-Language
    header), else Spanish."""
    if wanted in LANGUAGES:
        return wanted
    for part in accepted.split(","):
        language = part.split(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return DEFAULT_LANGUAGE
