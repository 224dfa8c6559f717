"""The screens of tags in Chromium: they fit, and they follow the tags that are enrolled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from booth_ui import watch
from reader_agent.emulators.tags.ntag424_personal import blank_card
from tests.booth_evening import ANA, CLAIMS, EVA, KEYS, Evening
from tests.browser.accessibility import violations
from tests.browser.booth_page import choose, complaints_of, measure, served, type_on_keypad
from tests.card_desk import CardDesk
from tests.chromium import Pages

TAG_SCREENS = {
    "tags": "/tags",
    "list": "/tags/of/claim",
    "last page": "/tags/of/key/2",
    "lost": "/tags/of/lost",
    "no radio tags": "/tags/of/radio",
    "one tag": f"/tags/one/{KEYS[0]}",
    "a lost tag": f"/tags/one/{CLAIMS[3]}",
    "mark": f"/tags/one/{KEYS[5]}/lost",
    "retire": f"/tags/one/{KEYS[5]}/retired",
    "put back": f"/tags/one/{CLAIMS[3]}/active",
    "find a tag": "/tags/search",
    "whose badge": "/tags/enroll/people",
}
NEW = tuple(f"em4100:0E0000000{number}" for number in range(4))
# One of the few whose maker's signature is public, which the software card then has.
CARD_UID = bytes.fromhex("04518DFAA96180")
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


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_the_screens_of_tags_fit_and_shut_nobody_out(
    evening: Evening, url: str, chromium_pages: Pages, language: str, theme: str
) -> None:
    page = chromium_pages.open()
    choose(page, url, language=language, theme=theme)
    complaints = complaints_of(page)
    evening.received()
    evening.tap(ANA)
    page.goto(f"{url}/tags")
    measure(page, "call a supervisor")
    evening.tap(EVA)
    evening.booth.tags.mark(CLAIMS[3], "lost", "kept by the driver")
    found: dict[str, list[str]] = {}
    for name, path in TAG_SCREENS.items():
        evening.tap(EVA)
        page.goto(url + path)
        measure(page, name)
        found[name] = violations(page)
    page.goto(f"{url}/tags/search")
    page.fill("#query", "C0")
    page.keyboard.press("Enter")
    expect(page.locator(".found")).to_be_visible()
    measure(page, "found tags")
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert complaints.lines == []


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_every_step_of_enrolling_fits_and_shuts_nobody_out(
    evening: Evening, url: str, chromium_pages: Pages, language: str, theme: str
) -> None:
    page = chromium_pages.open()
    choose(page, url, language=language, theme=theme)
    desk = CardDesk(evening.booth, evening.clock)

    def see(name: str, path: str = "/tags/enroll") -> None:
        page.goto(url + path)
        measure(page, name)
        assert violations(page) == [], name

    evening.tap(EVA)
    see("kind")
    enrolment = evening.booth.enrolment
    enrolment.begin("claim")
    see("tap")
    see("label", "/tags/enroll/label")
    page.fill("#label", "C-01")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_be_visible()
    measure(page, "a number in use")
    evening.tap(EVA)
    evening.booth.focus("enroll")
    for tag in NEW:
        evening.tap(tag)
    see("after four")
    desk.keys.go_away()
    desk.lay(blank_card(CARD_UID, None))
    desk.wait_for("problem.cloud_needed")
    see("no cloud")
    desk.may_talk.clear()
    desk.lay(blank_card(CARD_UID, None), tear_after=0)
    see("busy")
    desk.may_talk.set()
    desk.wait_for("problem.card_gone")
    see("torn")
    enrolment.begin("badge", person_id="ana")
    see("badge")
    evening.booth.focus("enroll")
    evening.tap("em4100:0EFF000000")
    see("badge done")
    enrolment.begin("key", is_radio=True)
    see("radio")


def test_a_box_of_tags_is_enrolled_without_touching_the_screen(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    complaints = complaints_of(page)
    evening.tap(EVA)
    page.goto(f"{url}/status")
    page.click("text=Tarjetas")
    page.click("text=Registrar tarjetas")
    page.click("button:has-text('Llaves')")
    expect(page.locator(".number")).to_have_text("K-41")
    for tag, following in zip(NEW, ("K-42", "K-43", "K-44"), strict=False):
        evening.tap(tag)
        expect(page.locator(".number")).to_have_text(following)
    expect(page.locator("#toasts")).to_contain_text("K-43 registrada")
    evening.tap(NEW[0])
    expect(page.locator("#toasts")).to_contain_text("Ya está registrada: llave K-41")
    page.click("text=Cambiar número")
    page.fill("#label", "")
    type_on_keypad(page, "K-90")
    page.click("text=Usar número")
    expect(page.locator(".number")).to_have_text("K-90")
    page.click("text=Terminar")
    expect(page.locator(".row").first).to_contain_text("43")
    assert complaints.lines == []


def test_the_screen_follows_a_card_that_is_torn_away_and_laid_down_again(
    evening: Evening, url: str, chromium_page: Page
) -> None:
    page = chromium_page
    desk = CardDesk(evening.booth, evening.clock)
    evening.tap(EVA)
    page.goto(f"{url}/tags/enroll")
    page.click("button:has-text('Del cliente')")
    expect(page.locator("h1")).to_have_text("Acerque la tarjeta")
    card = blank_card(CARD_UID, None)
    desk.lay(card, tear_after=9)
    expect(page.locator("h1")).to_have_text("Acérquela otra vez")
    expect(page.locator("[role=alert]")).to_contain_text("Se retiró antes de tiempo")
    desk.lay(card)
    expect(page.locator("#toasts")).to_contain_text("C-41 registrada, con claves")
    expect(page.locator(".number")).to_have_text("C-42")
    assert evening.booth.tags.row(f"nfca:{CARD_UID.hex().upper()}").is_secure
