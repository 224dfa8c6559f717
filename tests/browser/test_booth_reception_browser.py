"""Receiving at the touchscreen in Chromium: what is typed and touched outlives everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect

from booth_ui import watch
from booth_ui.screens.receive import STEPS
from reader_agent.practice import Practice
from schemas.reception import Damage
from tests.booth_evening import ANA, CLAIMS, EVA, KEYS, Evening
from tests.browser.accessibility import violations
from tests.browser.booth_page import choose, complaints_of, measure, served, type_on_keypad
from tests.chromium import Pages

CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 480;
  const draw = () => canvas.getContext("2d").fillRect(0, 0, 9, performance.now() % 480);
  setInterval(draw, 40);
  return canvas.captureStream(25);
};"""
"""A camera made of a canvas: the machine that tests has none."""

HELD = """() => {
  const place = 'style="position: fixed; top: 100px; left: 10px; z-index: 99"';
  const button = '<button id="held" data-hold>9</button>';
  const form = `<form method="post" action="/lock" ${place}>${button}</form>`;
  document.body.insertAdjacentHTML("beforeend", form);
}"""
"""A button that is to be held, where no drawing of the screen takes it away."""

SIZES = {"es": ((800, 480), (1280, 720)), "en": ((800, 480), (720, 1280))}
SCREENS = ("queue", "status", "settings", "settings/pin", "practice", "receive/photos")


@pytest.fixture(autouse=True)
def _quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.2)


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    """A booth with nobody signed in."""
    evening = Evening(tmp_path)
    yield evening
    evening.close()


@pytest.mark.parametrize(
    ("language", "theme", "hand"), [("es", "night", "right"), ("en", "day", "left")]
)
def test_every_step_fits_every_panel_in_either_hand(
    evening: Evening, chromium_pages: Pages, language: str, theme: str, hand: str
) -> None:
    evening.ready(2, plate="CD5678")
    evening.tap(ANA)
    evening.booth.pins.choose("402913")
    evening.tap(KEYS[0])
    evening.booth.edit_draft(
        plate="ABCD123456",
        phone="+4915123456789",
        damage=[Damage("front", "scratch"), Damage("rear_left", "broken")],
        colour="yellow",
    )
    practice = Practice(evening.booth, evening.booth._config, evening.clock)
    with served(evening.booth, practice) as url:
        page = chromium_pages.open()
        choose(page, url, language=language, theme=theme)
        page.context.add_cookies([{"name": "hand", "value": hand, "url": url}])
        complaints = complaints_of(page)
        paths = [*(f"receive/{step}" for step in STEPS), *SCREENS]
        for width, height in SIZES[language]:
            page.set_viewport_size({"width": width, "height": height})
            for path in paths:
                evening.tap(ANA)
                page.goto(f"{url}/{path}")
                measure(page, f"{path} at {width}x{height}")
                if path in SCREENS[1:] and width == 800:
                    assert violations(page) == [], path
        evening.clock.advance(91)
        for path in ("unlock", "unlock/ana"):
            page.goto(f"{url}/{path}")
            measure(page, path)
            assert violations(page) == [], path
        assert complaints.lines == []


def test_a_reception_outlives_reloads_a_lost_stream_and_a_wrong_turn(
    evening: Evening, chromium_pages: Pages
) -> None:
    page = chromium_pages.open()
    page.add_init_script(CAMERA)
    complaints = complaints_of(page)
    with served(evening.booth) as url:
        page.goto(url)
        expect(page.locator("html")).to_have_attribute("data-stream", "open")
        evening.tap(ANA)
        expect(page.locator(".who")).to_have_text("Ana Ríos")
        _tap_while_nobody_listens(page, evening)

        expect(page.locator("h1")).to_have_text("Placa")
        type_on_keypad(page, "AB1234")
        _reload(page, "#plate", "AB1234")
        page.click("text=Siguiente")
        page.click("[data-code='+34']")
        type_on_keypad(page, "612345678")
        _reload(page, "#phone", "+34612345678")
        expect(page.locator("#readback")).to_contain_text("5 6 7 8")
        page.click("text=Siguiente")
        page.click("#zone-roof")
        expect(page.locator("#zone-roof")).to_contain_text("Rayón")
        # The keyboard stays where it was, so that a second press is the second touch.
        page.keyboard.press("Enter")
        expect(page.locator("#zone-roof")).to_contain_text("Golpe")
        page.reload()
        expect(page.locator("#zone-roof")).to_contain_text("Golpe")
        _photograph(page)
        page.click("text=Siguiente")
        page.click("#colour-red")
        page.click("text=Atrás")
        expect(page.locator("#zone-roof")).to_contain_text("Golpe")
        page.click("text=Siguiente")
        expect(page.locator("#colour-red")).to_have_attribute("aria-pressed", "true")
        page.click("text=Siguiente")
        expect(page.locator("h1")).to_have_text("Revise y guarde")
        page.reload()
        expect(page.locator(".summary")).to_contain_text("Marcados: 1")
        evening.tap(CLAIMS[0])

        expect(page.locator("h1")).to_have_text("H-0001")
        expect(page.locator(".camera[href$=photos]")).to_contain_text("1")
        assert complaints.lines == []


def test_what_was_thrown_away_comes_back_and_practice_leaves_nothing(
    evening: Evening, chromium_pages: Pages
) -> None:
    page = chromium_pages.open()
    practice = Practice(evening.booth, evening.booth._config, evening.clock)
    with served(evening.booth, practice) as url:
        evening.tap(EVA)
        evening.tap(KEYS[0])
        page.goto(f"{url}/receive/plate")
        page.click("text=Descartar")
        page.click("text=DESHACER")
        expect(page.locator("#toasts")).to_contain_text("Deshecho")
        assert evening.booth.draft() is not None
        page.goto(f"{url}/practice")
        page.click("text=Empezar a practicar")
        expect(page.locator(".practice")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-stream", "open")
        measure(page, "practice")
        assert violations(page) == []
        page.click("text=Terminar")
        expect(page.locator(".practice")).to_have_count(0)
        _hold(page)


def _tap_while_nobody_listens(page: Page, evening: Evening) -> None:
    """A key is laid down between the end of one stream and the beginning of the next."""
    held: list[Route] = []
    is_open = False

    def hold(route: Route) -> None:
        if is_open:
            route.fallback()
        else:
            held.append(route)

    page.route("**/watch", hold)
    with page.expect_request("**/watch"):
        evening.booth.feed.close()
    evening.tap(KEYS[0])
    is_open = True
    for route in held:
        route.fallback()


def _press(page: Page, key: str, kept: str) -> None:
    """Press a key, and wait until what stands there then has been kept."""
    last = urlencode({"text": kept})
    with page.expect_response(lambda it: (it.request.post_data or "").endswith(last)):
        page.keyboard.press(key)


def _reload(page: Page, field: str, typed: str) -> None:
    # Each is kept before the next: what was typed earlier may be on its way with the same text.
    _press(page, "9", typed + "9")
    _press(page, "Backspace", typed)
    expect(page.locator(field)).to_have_value(typed)
    page.reload()
    expect(page.locator(field)).to_have_value(typed)


def _photograph(page: Page) -> None:
    page.click("text=Fotos 0")
    page.click("#shutter")
    expect(page.locator(".photos img")).to_have_count(1)
    expect(page.locator("#preview")).to_be_visible()
    page.click("text=Atrás")
    expect(page.get_by_text(re.compile("Fotos 1"))).to_be_visible()


def _hold(page: Page) -> None:
    """A button that is to be held does nothing when it is only touched."""
    page.evaluate(HELD)
    page.click("#held")
    page.locator("#held").hover()
    page.mouse.down()
    expect(page.locator(".holding")).to_have_count(1)
    expect(page.locator(".tabs")).to_be_visible()
    expect(page.locator("h1")).to_have_text("Acerque su credencial")
    page.mouse.up()


def test_without_javascript_a_car_is_received_by_plain_forms(
    evening: Evening, chromium_pages: Pages
) -> None:
    page = chromium_pages.open(javascript=False)
    evening.tap(ANA)
    evening.tap(KEYS[0])
    with served(evening.booth) as url:
        page.goto(f"{url}/receive")
        page.fill("#plate", "AB1234")
        page.click("button:has-text('Siguiente')")
        page.click("button:has-text('Sin teléfono')")
        page.click("button:has-text('Sin daños')")
        page.click("button:has-text('Siguiente')")
        page.click("button:has-text('Guardar sin tarjeta')")

        expect(page.locator("h1 b")).to_have_text("H-0001")
        page.click("text=Listo")
        page.click("text=Llevar al lote")
        expect(page.locator(".chip")).to_have_text("EN CAMINO")
