"""How long a practised person takes to receive a car, at a hand's pace on a real screen.

A press takes `PRESS_S`, a new page is looked at for `LOOK_S`, a tag is laid down in `TAP_S`, and
the last four digits are read back in `READ_BACK_S`. What is left is the station and its screen.
From the tap of the key tag to the words that the car is saved.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.bench.conftest import Figures
from tests.bench.spread import of_times
from tests.booth_evening import ANA, CLAIMS, KEYS, Evening
from tests.browser.booth_page import choose, served
from tests.chromium import Pages, running_browser

PRESS_S, LOOK_S, TAP_S, READ_BACK_S = 0.35, 0.8, 0.6, 1.0
BUDGET_MS = 20_000
CARS = 5
PHONE = "61234567"


class Hand:
    """One person at the screen of a booth."""

    def __init__(self, page: Page, evening: Evening) -> None:
        self._page = page
        self._evening = evening

    def press(self, selector: str) -> None:
        """One touch."""
        time.sleep(PRESS_S)
        self._page.click(selector)

    def type(self, text: str) -> None:
        """Letters on our own keypad."""
        for letter in text:
            self.press(f'.keypad [data-key="{letter}"]')

    def tap(self, tag: str) -> None:
        """Lay a tag on the reader."""
        time.sleep(TAP_S)
        self._evening.tap(tag)

    def see(self, heading: str) -> None:
        """A new page, and a look at it."""
        expect(self._page.locator("h1")).to_have_text(heading)
        time.sleep(LOOK_S)

    def receive(self, number: int, *, has_phone: bool) -> float:
        """The n-th car; how long it took, in milliseconds."""
        begin = time.monotonic()
        self.tap(KEYS[number])
        self.see("Placa")
        self.type(f"AB12{number:02d}")
        self.press("text=Siguiente")
        self.see("Teléfono")
        if has_phone:
            self.type(PHONE)
            time.sleep(READ_BACK_S)
            self.press("text=Siguiente")
        else:
            self.press("button[name=no_phone]")
        self.see("Daños")
        self.press("button[name=none]")
        self.see("Detalles")
        self.press("text=Siguiente")
        self.see("Revise y guarde")
        self.tap(CLAIMS[number])
        expect(self._page.locator(".toast").first).to_contain_text("guardado")
        return (time.monotonic() - begin) * 1000


@pytest.mark.parametrize("has_phone", [True, False])
def test_reception_pace(tmp_path: Path, figures: Figures, *, has_phone: bool) -> None:
    evening, times = Evening(tmp_path), []
    with served(evening.booth) as url, running_browser() as browser:
        pages = Pages(browser)
        page = pages.open()
        choose(page, url)
        for number in range(CARS):
            evening.tap(ANA)
            page.goto(f"{url}/queue")
            expect(page.locator("html[data-stream=open]")).to_be_attached()
            times.append(Hand(page, evening).receive(number, has_phone=has_phone))
        pages.close()
    evening.close()
    name = "reception at a hand's pace"
    figures[name if has_phone else f"{name}, without a phone"] = of_times(times)
    assert sorted(times)[CARS // 2] < BUDGET_MS
