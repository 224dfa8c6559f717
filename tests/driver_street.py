"""A running cloud with a story in it, and phones that open its links in real Chromium."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Page

from server.links import token_of
from tests.chromium import Pages
from tests.visit_story import Story, StoryVisit


@dataclass
class Street:
    """A running cloud, a story in it, and phones that open its links."""

    story: Story
    base: str
    pages: Pages
    told: list[str] = field(default_factory=list)

    def link(self, visit: StoryVisit, query: str = "") -> str:
        """The address of a visit's page, or of what is behind it."""
        return f"{self.base}/t/{token_of(self.story.key, visit.id)}{query}"

    def phone(
        self,
        *,
        width: int = 360,
        height: int = 640,
        locale: str = "es-PA",
        dark: bool = False,
        javascript: bool = True,
    ) -> Page:
        """A page of a phone; what its console says is kept."""
        page = self.pages.open(
            width=width, height=height, locale=locale, dark=dark, javascript=javascript, touch=True
        )
        page.on("console", lambda message: self.told.append(message.text))
        return page


def too_small(page: Page) -> list[str]:
    """Controls lower than 44 px, and text that one has to read smaller than 16 px."""
    found: list[str] = page.evaluate(
        """() => {
          const bad = [];
          for (const one of document.querySelectorAll(
            'a, button, select, summary, textarea, .pick')) {
            if (one.closest('[hidden], details:not([open]) form')) continue;
            if (one.getBoundingClientRect().height < 44) bad.push('low: ' + one.outerHTML);
          }
          for (const one of document.querySelectorAll('body :not([type=hidden])')) {
            const size = parseFloat(getComputedStyle(one).fontSize);
            if (size < 16) bad.push('small: ' + one.outerHTML);
          }
          return bad;
        }"""
    )
    return found
