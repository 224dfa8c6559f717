"""Pictures of every screen that the browser tests look at, for people: `make screens`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page

FOLDER = "VALET_TEST_SCREENS"
"""Where they are kept; without it none is taken."""


def keep(page: Page, name: str) -> None:
    """Keep a picture of what the page shows, named by what it is, its language, look and size."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    language, theme = page.evaluate(
        """() => [
          document.documentElement.lang,
          document.querySelector("[data-theme]")?.dataset.theme
            ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"),
        ]"""
    )
    size = page.viewport_size or {"width": 0, "height": 0}
    parts = (name, language, theme, f"{size['width']}x{size['height']}")
    file = "-".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in parts)
    page.screenshot(path=Path(folder) / f"{file}.png", full_page=True)
