"""A browser by a short plain name, and never by what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.catalog import LANGUAGES, Catalog
from server.sign_in.browsers import Browser, browser_of, kept_as

TRANSLATIONS = Path(__file__).resolve().parents[2] / "server" / "translations"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
# As these browsers' makers document them; versions are of no matter.
SAID = [
    (f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Mobile Safari/537.36", "Chrome on Android"),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} Version/18.5 "
        "Mobile/15E148 Safari/604.1",
        "Safari on iPhone",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} CriOS/138.0.7204.33 "
        "Mobile/15E148 Safari/604.1",
        "Chrome on iPhone",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Firefox on Windows",
    ),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Safari/537.36 Edg/138", "Edge on Windows"),
    (
        f"Mozilla/5.0 (Linux; Android 10; K) {BLINK.replace('Chrome', 'SamsungBrowser/28 Chrome')} "
        "Mobile Safari/537.36",
        "Samsung on Android",
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.5 Safari/605.1.15",
        "Safari on macOS",
    ),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Safari/537.36", "Chrome on ChromeOS"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101", "Browser on Linux"),
    ("curl/8.14.1", "Unknown browser"),
    ("", "Unknown browser"),
]


def words(browser: Browser, language: str = "en") -> str:
    """What a page shows."""
    catalog = Catalog(TRANSLATIONS, "sign_in")
    return catalog.text(language, browser.key, name=browser.name, system=browser.system)


@pytest.mark.parametrize(("said", "shown"), SAID)
def test_a_browser_is_known_by_a_short_name_also_after_a_session_kept_it(
    said: str, shown: str
) -> None:
    found = browser_of(said)

    assert words(found) == shown
    assert kept_as(str(found)) == found


def test_of_what_no_session_of_ours_kept_no_word_is_shown() -> None:
    for kept in (None, "–", SAID[0][0], "Chrome · <b>Android</b>", "Mozilla/5.0 · Android · x"):
        assert words(kept_as(kept)) in ("Unknown browser", "Chrome", "Browser on Android")


def test_both_languages_say_it() -> None:
    for language in LANGUAGES:
        for browser in (Browser("Opera", "iPad"), Browser("Opera"), Browser(system="iPad")):
            assert not words(browser, language).startswith("manage.")
    assert words(Browser("Chrome", "Android"), "es") == "Chrome en Android"
    assert words(Browser(), "es") == "Navegador desconocido"
