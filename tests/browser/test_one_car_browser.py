"""One car through the three faces in a real browser: booths, lot, driver's phone, manager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from server.demo.evening import code_on
from server.demo.show import MANAGER, PASSWORD, Show
from tests.browser.booth_page import hold
from tests.chromium import Pages
from tests.one_car import OneCar, first_port, until

SOON_MS = 60_000

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def show(tmp_path: Path, empty_postgres_url: str) -> Iterator[Show]:
    """A running district whose cloud is on PostgreSQL."""
    running = Show(tmp_path, first_port(), empty_postgres_url)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_a_car_comes_and_goes_by_clicks_and_taps(show: Show, chromium_pages: Pages) -> None:
    car = OneCar(show)
    herrera = _screen(show, chromium_pages, "herrera")
    lot = _screen(show, chromium_pages, "santa-ana")
    bovedas = _screen(show, chromium_pages, "bovedas")

    _receive(car, herrera, _board(show, chromium_pages))
    phone = chromium_pages.open(width=360, height=640, touch=True)
    phone.goto(car.link())
    expect(phone.locator("h1")).to_be_visible()

    car.tap("herrera", car.badge("luis"), car.key_tag)
    car.tap("santa-ana", car.badge("luis"))
    expect(lot.get_by_text("H-0001").first).to_be_visible(timeout=SOON_MS)
    car.tap("santa-ana", car.key_tag)
    _accept_the_stall(lot)

    _ask_for(phone, "bovedas")
    expect(lot.get_by_text("Las Bóvedas").first).to_be_visible(timeout=SOON_MS)
    # A second tap of a key within seconds of the first is taken for a slip of the hand.
    until(lambda: _taken(car, lot), "the lot lets the car go")
    car.tap("bovedas", car.badge("luis"))
    expect(bovedas.get_by_text("H-0001").first).to_be_visible(timeout=SOON_MS)
    car.tap("bovedas", car.key_tag)

    _hand_over(car, bovedas, phone)
    _look_at_the_day(show, chromium_pages)


def _accept_the_stall(lot: Page) -> None:
    expect(lot).to_have_url(re.compile("/park$"), timeout=SOON_MS)
    expect(lot.locator("h1")).to_contain_text("H-0001")
    lot.get_by_role("link", name="Está bien").click()
    expect(lot).to_have_url(re.compile("/queue$"))


def _taken(car: OneCar, lot: Page) -> bool:
    car.tap("santa-ana", car.badge("luis"), car.key_tag)
    lot.goto(car.show.screen_url("santa-ana") + "/queue")
    return lot.get_by_text("H-0001").count() == 0


def _screen(show: Show, pages: Pages, place_id: str) -> Page:
    page = pages.open()
    page.goto(show.screen_url(place_id))
    return page


def _board(show: Show, pages: Pages) -> Page:
    board = pages.open(width=1280, height=800)
    board.goto(show.board_url)
    board.locator('[name="place"][value="herrera"]').check()
    return board


def _receive(car: OneCar, booth: Page, board: Page) -> None:
    """Badge, PIN, key tag, plate, phone, claim tag: clicks on the tag board and our own keypad."""
    board.get_by_role("button", name="Ana Ríos").click()
    expect(board.locator("#said")).to_have_text("Ana Ríos leída en Plaza Herrera")
    expect(booth.get_by_role("heading", name="Ana Ríos")).to_be_visible(timeout=SOON_MS)
    _type(booth, car.show.pins["ana"])
    booth.get_by_role("button", name="Entrar").click()
    expect(booth.locator(".who")).to_have_text("Ana Ríos")
    board.get_by_role("button", name="K-020").click()
    expect(booth).to_have_url(re.compile("/receive/plate$"), timeout=SOON_MS)
    _type(booth, car.plate)
    booth.locator(".bar .first").click()
    expect(booth).to_have_url(re.compile("/receive/phone$"))
    _type(booth, car.phone.removeprefix("+507"))
    booth.locator(".bar .first").click()
    expect(booth).to_have_url(re.compile("/receive/damage$"))
    booth.locator(".bar .first").click()
    expect(booth).to_have_url(re.compile("/receive/details$"))
    booth.locator(".bar .first").click()
    expect(booth).to_have_url(re.compile("/receive/check$"))
    expect(booth.get_by_text(car.plate)).to_be_visible()
    car.tap("herrera", car.claim_tag)
    expect(booth).to_have_url(re.compile("/tickets/"), timeout=SOON_MS)
    expect(booth.get_by_text("H-0001").first).to_be_visible()


def _type(page: Page, text: str) -> None:
    for character in text:
        page.locator(f'[data-key="{character}"]').click()


def _ask_for(phone: Page, booth_id: str) -> None:
    phone.locator(f'[name="booth_id"][value="{booth_id}"]').check(force=True)
    phone.get_by_role("button", name="Pedir mi carro").click()
    expect(phone.locator("h1")).to_have_text("Su carro está pedido")


def _hand_over(car: OneCar, booth: Page, phone: Page) -> None:
    code = until(lambda: _shown_code(phone), "the phone shows the code")
    until(lambda: _opened(car, booth), "the key opens the hand-over")
    expect(booth.get_by_text(car.plate)).to_be_visible()
    _type(booth, code)
    hold(booth, "Entregar")
    expect(booth).to_have_url(re.compile("/queue$"))


def _opened(car: OneCar, booth: Page) -> bool:
    car.tap("bovedas", car.badge("ana"), car.key_tag)
    return "/hand-over/" in str(booth.evaluate("location.pathname"))


def _shown_code(phone: Page) -> str | None:
    phone.reload()
    return code_on(phone.content())


def _look_at_the_day(show: Show, pages: Pages) -> None:
    page = pages.open(width=1280, height=800)
    page.goto(f"{show.cloud_url}/manage/")
    page.locator('[name="person"]').fill(MANAGER)
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator('[name="password"]').press("Enter")
    expect(page.locator("#day")).to_be_visible()

    def shows_the_car() -> bool:
        page.goto(f"{show.cloud_url}/manage/day")
        return page.get_by_text("H-0001").count() > 0

    until(shows_the_car, "the day shows the visit")
