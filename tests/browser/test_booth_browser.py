"""The touchscreen in Chromium: it fits, it speaks, it loses nothing, and it follows the taps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from booth_ui import watch
from booth_ui.screens.receive import STEPS as RECEIVE_STEPS
from reader_agent.drivers.port_watch import PortHealth
from tests.booth_evening import ANA, BOOTH, CLAIMS, EVA, KEYS, ROSA, STRANGER, Evening, good_reader
from tests.browser.accessibility import violations
from tests.browser.booth_page import (
    busy_evening,
    choose,
    complaints_of,
    hold,
    measure,
    served,
    type_on_keypad,
)
from tests.chromium import Pages

# Every word and every colour once; Spanish is the longer one, and the day has the wider borders.
LOOKS = [("es", "day"), ("en", "night")]


@pytest.fixture(autouse=True)
def _quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.2)


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    """A booth and a lot with nobody signed in."""
    evening = Evening(tmp_path)
    yield evening
    evening.close()


@pytest.fixture
def url(evening: Evening) -> Iterator[str]:
    """Where the booth's touchscreen is served."""
    with served(evening.booth) as url:
        yield url


@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [*((*look, 800) for look in LOOKS), ("es", "night", 853), ("en", "day", 853)],
)
def test_every_screen_fits_in_both_languages_and_lights(
    tmp_path: Path, chromium_pages: Pages, language: str, theme: str, width: int
) -> None:
    evening, screens = busy_evening(tmp_path)
    with served(evening.booth) as url:
        page = chromium_pages.open(width=width)
        choose(page, url, language=language, theme=theme)
        complaints = complaints_of(page)
        for name, path in screens.items():
            evening.tap(EVA)
            page.goto(url + path)
            measure(page, name)
        assert [line for line in complaints.lines if "404" not in line] == []
    evening.close()


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_every_step_of_receiving_and_the_lock_fit(
    evening: Evening, url: str, chromium_pages: Pages, language: str, theme: str
) -> None:
    page = chromium_pages.open()
    choose(page, url, language=language, theme=theme)
    complaints = complaints_of(page)
    page.goto(url)
    measure(page, "lock")
    evening.cloud.post_tariff(es="B/. 0.03 por minuto. " * 20, en="B/. 0.03 a minute. " * 20)
    evening.meet()
    evening.tap(ANA)
    evening.tap(KEYS[0])
    evening.booth.edit_draft(plate="ABCD123456", phone="+4915123456789", claim_tag=CLAIMS[0])
    for step in ("plate", "phone", "damage", "details", "check", "tariff"):
        page.goto(f"{url}/receive/{step}")
        measure(page, step)
    evening.booth.edit_draft(claim_tag="", no_phone=True, no_damage=True)
    page.goto(f"{url}/receive/check")
    measure(page, "check without phone and tag")
    assert complaints.lines == []


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_the_lots_screens_fit(
    tmp_path: Path, chromium_pages: Pages, language: str, theme: str
) -> None:
    evening, screens = busy_evening(tmp_path)
    coming = evening.received(7, plate="ZZ9999")
    evening.tap(KEYS[6])
    evening.meet()
    with served(evening.lot) as url:
        page = chromium_pages.open()
        choose(page, url, language=language, theme=theme)
        complaints = complaints_of(page)
        own = {"coming": f"/tickets/{coming}", "park": f"/tickets/{coming}/park"}
        for name in ("queue", "asked", "parked", "status", "receive"):
            own[name] = screens[name]
        for name, path in own.items():
            evening.tap(ROSA, evening.lot)
            page.goto(url + path)
            measure(page, f"lot {name}")
        assert complaints.lines == []
    evening.close()


@pytest.mark.parametrize(("language", "theme"), [("es", "night"), ("en", "day")])
def test_no_screen_shuts_anybody_out(
    tmp_path: Path, chromium_pages: Pages, language: str, theme: str
) -> None:
    evening, screens = busy_evening(tmp_path)
    evening.tap(KEYS[8])
    steps = {step: f"/receive/{step}" for step in RECEIVE_STEPS}
    found: dict[str, list[str]] = {}
    with served(evening.booth) as url:
        page = chromium_pages.open()
        choose(page, url, language=language, theme=theme)
        for name, path in {**screens, **steps}.items():
            evening.tap(EVA)
            page.goto(url + path)
            found[name] = violations(page)
    evening.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_car_goes_all_the_way_by_taps_and_buttons(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    complaints = complaints_of(page)
    page.goto(url)
    expect(page.locator("h1")).to_have_text("Acerque su credencial")
    evening.tap(ANA)
    expect(page.locator(".who")).to_have_text("Ana Ríos")

    evening.tap(KEYS[0])
    expect(page.locator("h1")).to_have_text("Placa")
    expect(page.locator("#toasts")).to_contain_text("Llave K-01 leída")
    type_on_keypad(page, "AB1234")
    page.click("text=Siguiente")
    expect(page.locator("h1")).to_have_text("Teléfono")
    type_on_keypad(page, "61234567")
    expect(page.locator("#readback")).to_contain_text("4 5 6 7")
    page.click("text=Siguiente")
    expect(page.locator("h1")).to_have_text("Daños")
    page.click("text=Frente")
    expect(page.locator(".zone.scratch")).to_contain_text("Rayón")
    page.click("text=Siguiente")
    expect(page.locator("h1")).to_have_text("Detalles")
    page.click("text=Rojo")
    page.click("text=Siguiente")
    expect(page.locator("h1")).to_have_text("Revise y guarde")
    evening.tap(CLAIMS[0])
    expect(page.locator(".toast").first).to_contain_text("H-0001 guardado")
    expect(page.locator("h1")).to_have_text("H-0001")
    evening.meet()

    page.click("text=Llevar al lote")
    expect(page.locator(".chip")).to_have_text("EN CAMINO")
    evening.meet()
    evening.tap(ROSA, evening.lot)
    evening.tap(KEYS[0], evening.lot)
    evening.meet()
    evening.tap(ANA)
    page.click("text=Buscar")
    type_on_keypad(page, "AB12")
    page.click("button:has-text('Buscar')")
    page.click(".row")
    expect(page.locator(".chip")).to_have_text("ESTACIONADO")

    page.click("text=Pedir carro")
    page.click("button:has-text('Pedir carro')")
    expect(page.locator(".steps [aria-current]")).to_have_text("Pedido")
    evening.meet()
    evening.tap(ROSA, evening.lot)
    evening.tap(KEYS[0], evening.lot)
    evening.meet()
    evening.tap(ANA)
    evening.tap(KEYS[0])
    expect(page.locator("#toasts")).to_contain_text("H-0001 está listo")
    evening.meet()

    evening.tap(KEYS[0])
    expect(page.locator(".readplate b")).to_have_text("AB1234")
    type_on_keypad(page, evening.code())
    page.click("button:has-text('Entregar')")
    expect(page.locator("#toasts")).to_have_text("Mantenga presionado un segundo.")
    hold(page, "Entregar")
    expect(page.locator(".toast").first).to_contain_text("Entregado: H-0001")
    expect(page.locator(".empty .big")).to_have_text("No hay carros pedidos")
    assert complaints.lines == []


def test_a_tap_is_taken_back_on_its_own_toast(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page, visit_id = chromium_page, evening.received()
    complaints = complaints_of(page)
    page.goto(f"{url}/queue")
    expect(page.locator("html[data-stream=open]")).to_be_attached()
    evening.tap(KEYS[0])
    expect(page.locator("#toasts")).to_contain_text("H-0001 va a Lote Norte")
    measure(page, "a tap that can be taken back")
    page.locator("#toasts button").dblclick()
    expect(page.locator(".chip")).to_have_text("RECIBIDO")
    expect(page.locator(".toast").first).to_contain_text("Deshecho")
    assert evening.booth.card(visit_id).state == "at_booth"
    lines = [line for _, line in evening.booth._journal.lines()]
    assert sum(b'"visit.undone"' in line for line in lines) == 1
    assert complaints.lines == []


def test_a_reload_in_the_middle_of_a_plate_loses_no_letter(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    evening.tap(KEYS[0])
    page.goto(f"{url}/receive/plate")
    type_on_keypad(page, "AB1")
    with page.expect_request(lambda request: "text=AB12" in (request.post_data or "")):
        type_on_keypad(page, "2")

    page.reload()

    expect(page.locator("#plate")).to_have_value("AB12")


def test_a_message_of_the_station_does_not_disturb_what_is_being_typed(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    evening.tap(KEYS[0])
    page.goto(f"{url}/receive/plate")
    type_on_keypad(page, "AB")
    evening.meet()
    expect(page.locator("#badge")).to_have_text("En línea")
    evening.tap(STRANGER)
    expect(page.locator("#toasts")).to_contain_text("no está registrada")

    expect(page.locator("#plate")).to_have_value("AB")
    toast, keys = (page.locator(each).bounding_box() for each in (".toast", ".keypad"))
    assert toast is not None
    assert keys is not None
    assert toast["y"] + toast["height"] <= keys["y"]

    # What the last screen said is gone with it, and a page that comes back hears the next tap.
    page.click("text=Seguir luego")
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.go_back()
    expect(page.locator("#plate")).to_have_value("AB")
    expect(page.locator("html[data-stream=open]")).to_be_attached()
    evening.tap(STRANGER)
    expect(page.locator("#toasts")).to_contain_text("no está registrada")


def test_a_real_keyboard_works_and_so_does_erasing(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    evening.tap(KEYS[0])
    page.goto(f"{url}/receive/plate")
    page.keyboard.type("ab12349")
    page.click('[data-key="erase"]')
    expect(page.locator("#plate")).to_have_value("AB1234")

    page.keyboard.press("Enter")
    expect(page.locator("#phone")).to_be_focused()
    page.keyboard.type("61234567")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("Daños")
    draft = evening.booth.draft()
    assert draft is not None
    assert draft.phone == "+50761234567"


def test_two_quick_taps_on_a_button_are_one_event(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    visit_id = evening.received()
    before = evening.booth.status().unsent
    page.goto(f"{url}/tickets/{visit_id}")

    page.dblclick("text=Llevar al lote")

    expect(page.locator(".chip")).to_have_text("EN CAMINO")
    assert evening.booth.status().unsent == before + 1


def test_a_wrong_code_stays_on_the_screen_with_words(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    visit_id = evening.ready()
    evening.tap(KEYS[0])
    page.goto(f"{url}/hand-over/{visit_id}")
    type_on_keypad(page, f"{(int(evening.code()) + 1) % 10_000:04d}")
    hold(page, "Entregar")

    expect(page.locator("[role=alert]")).to_contain_text("Código incorrecto")
    expect(page).to_have_url(re.compile(rf"/hand-over/{visit_id}$"))
    measure(page, "hand over, refused")


def test_an_idle_screen_locks_and_hides_the_plates(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.received(plate="AB1234")
    page.goto(f"{url}/queue")
    expect(page.locator(".row .plate")).to_have_text("AB1234")

    evening.clock.advance(91)

    expect(page.locator("h1")).to_have_text("Acerque su credencial")
    assert "AB1234" not in page.content()


def test_a_request_from_elsewhere_is_told_on_a_locked_screen_too(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    visit_id = evening.parked()
    evening.clock.advance(91)
    page.goto(url)
    expect(page.locator("h1")).to_have_text("Acerque su credencial")
    evening.tap(ROSA, evening.lot)
    evening.lot.request_car(visit_id, BOOTH)
    evening.meet()

    expect(page.locator("#toasts")).to_have_text("Pedidos nuevos: 1")


def test_the_badge_follows_the_reader_without_a_reload(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    evening.meet()
    page.goto(f"{url}/queue")
    expect(page.locator("#badge")).to_have_text("En línea")
    lost = good_reader().__class__("em125", "em125", "/dev/x", PortHealth("lost"))

    evening.booth.attach_readers(lambda: [lost])

    expect(page.locator("#badge")).to_have_text("Lector sin conexión")


def test_language_and_light_change_at_once_and_stay(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    page.goto(f"{url}/settings")
    page.click("button:has-text('English')")
    expect(page.locator("h1")).to_have_text("Settings")
    page.click("button:has-text('Day')")
    expect(page.locator("#frame")).to_have_attribute("data-theme", "day")
    expect(page.locator("html")).to_have_attribute("data-stream", "open")

    evening.tap(STRANGER)

    expect(page.locator("#toasts")).to_have_text("That tag is not enrolled")


def test_the_agents_stream_comes_back_by_itself(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    evening.tap(ANA)
    page.goto(f"{url}/queue")
    expect(page.locator("html")).to_have_attribute("data-stream", "open")
    with page.expect_request("**/watch"):
        evening.booth.feed.close()
    expect(page.locator("html")).to_have_attribute("data-stream", "open")
    evening.tap(KEYS[0])

    expect(page.locator("h1")).to_have_text("Placa")
