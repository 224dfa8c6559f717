"""Make the pictures of the README: `make screenshots`.

Runs the demo's district, plays the first cars of its evening and photographs the three faces.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from server.demo.evening import Evening
from server.demo.show import MANAGER, PASSWORD, Show
from tests.chromium import Pages, running_browser
from tests.one_car import OneCar, until

PICTURES = Path(__file__).parent / "pictures"
_SPEED = 60
_CARS_S = 56.0


def main() -> None:
    """Play, photograph, end."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_browser() as browser:
        show = Show(Path(folder), 26000)
        evening = Evening(show.stage(_SPEED))
        pages = Pages(browser)
        try:
            show.start()
            evening.start()
            evening.wait(_CARS_S)
            evening.stop()
            _photograph(OneCar(show), pages)
        finally:
            evening.stop()
            pages.close()
            show.stop()
    pages.assert_clean()
    print(f"pictures: {PICTURES}")


def _photograph(car: OneCar, pages: Pages) -> None:
    car.receive("herrera", "ana")
    booth = pages.open()
    booth.goto(car.show.screen_url("herrera") + "/queue")
    expect(booth.locator("html[data-stream=open]")).to_be_attached()
    _take(booth, "booth")
    driver = pages.open(width=390, height=844)
    driver.goto(car.link())
    _take(driver, "driver")
    _take(_signed_in(car, pages), "manager")


def _signed_in(car: OneCar, pages: Pages) -> Page:
    page = pages.open(width=1280, height=800)
    page.goto(f"{car.show.cloud_url}/manage/")
    page.locator('[name="person"]').fill(MANAGER)
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator('[name="password"]').press("Enter")
    expect(page.locator("#day")).to_be_visible()
    page.goto(f"{car.show.cloud_url}/manage/day")
    until(lambda: page.get_by_text("H-0").count() > 0, "the day shows cars")
    return page


def _take(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
