"""A manager's desk: an evening behind a real server, a browser, and what every page must keep."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.accessibility import violations
from tests.browser.gallery import keep
from tests.chromium import Pages
from tests.manager_evening import PASSWORD, Evening, play_evening
from tests.served_cloud import served
from tests.visit_story import MANAGER

# WCAG 2.2, 2.5.8: what is clicked is at least this high and wide, or stands in a sentence.
TARGET_PX = 24


@dataclass
class Desk:
    """The served evening, and the manager in front of it."""

    evening: Evening
    base: str
    pages: Pages
    complaints: list[str] = field(default_factory=list)

    def open(self, **how: object) -> Page:
        """Open a page that reports every complaint of the browser."""
        page = self.pages.open(**how)  # type: ignore[arg-type]
        page.on("console", self._note)
        return page

    def sign_in(self, path: str = "/manage/", **how: object) -> Page:
        """Open a page and sign the manager in by keyboard alone."""
        page = self.open(**how)
        page.goto(self.base + path)
        page.locator("#person").focus()
        page.keyboard.type(MANAGER)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("header .person")).to_have_text("Luis Mora")
        # Its script comes after its words.
        page.wait_for_load_state()
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@contextmanager
def serving(folder: Path, template: Path) -> Iterator[tuple[Evening, str]]:
    """An evening of its own behind a real server; gives it and the server's address."""
    path = folder / "evening.sqlite3"
    shutil.copyfile(template, path)
    evening = play_evening(folder, f"sqlite:///{path}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.clock.now", lambda: evening.now)
        with served(evening.app) as address:
            yield evening, address
    evening.database.close()


def check_page(page: Page, width: int) -> None:
    """No way to scroll sideways, nothing too small to hit, no violation that axe can see."""
    # A page that came by a form is there before its styles are.
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    small = page.evaluate(
        """least => [...document.querySelectorAll("button, input, select, summary")]
            .filter(one => one.type !== "hidden")
            .filter(one => one.checkVisibility())
            .filter(one => { const box = one.getBoundingClientRect();
                             return box.height < least || box.width < least; })
            .map(one => one.outerHTML)""",
        TARGET_PX,
    )
    assert not small, small
    assert violations(page) == []
    keep(page, urlsplit(page.url).path)
